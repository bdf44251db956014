// The console in a real browser: every task of support, marketing and operators in its number of steps, by mouse, by keyboard alone and
// without JavaScript; every page by axe in the light and in the dark, narrow and wide; no foreign request, nothing that the content
// security policy stops; and a live page over a restart of the server. `scripts/clients console` runs it: MESSAGING is the program,
// CHROMIUM the browser. With LOOK=DIR it leaves
// pictures of all pages there, and with PICTURES=DIR those of docs/console.md.
const assert = require("node:assert/strict");
const { spawn, execFileSync } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { chromium } = require("playwright-core");

const { MESSAGING, CHROMIUM, LOOK, PICTURES } = process.env;
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const data = fs.mkdtempSync(path.join(os.tmpdir(), "messaging-console-"));
const EVERYTHING = "messages:send messages:read campaigns reveal ops act-as";
const PATIENCE = 30_000;
/** The pages that docs/console.md shows. */
const SHOWN = ["now", "message", "campaign", "attention"];
/** What serves now. */
let server;

/** The program with its sandbox, once it has printed where it is. */
function serve(env = {}) {
  const log = fs.openSync(path.join(data, "log"), "a");
  const child = spawn(MESSAGING, ["serve", "--sandbox"], { env: { ...process.env, ...env, DATA_DIR: data }, stdio: ["ignore", "pipe", log] });
  child.ended = new Promise((resolve) => child.once("exit", resolve));
  return new Promise((resolve, reject) => {
    let text = "";
    child.stdout.on("data", (part) => {
      text += part;
      if (text.includes("\n")) resolve({ child, ...JSON.parse(text.split("\n")[0]) });
    });
    child.ended.then(() => reject(new Error(`serve ended: ${fs.readFileSync(path.join(data, "log"))}`)));
  });
}

const command = (...args) => execFileSync(MESSAGING, args, { env: { ...process.env, DATA_DIR: data, HTTP_ADDR: server.http }, encoding: "utf8" }).trim();

/** Changes the database beside the server, as time alone would. */
const sql = (statement) =>
  execFileSync("python3", ["-c", "import sqlite3,sys\nc=sqlite3.connect(sys.argv[1],timeout=30)\nc.execute(sys.argv[2])\nc.commit()", database(), statement]);

function database() {
  const found = fs.readdirSync(data).filter((name) => /\.(db|sqlite3?)$/.test(name));
  assert.equal(found.length, 1, `the database in ${fs.readdirSync(data)}`);
  return path.join(data, found[0]);
}

/** One person at one browser: counts what they press, and looks at what the browser says. */
class Person {
  constructor(page, way) {
    Object.assign(this, { page, way, steps: 0, faults: [] });
    page.on("console", (message) => { if (/Content Security Policy|Refused to/.test(message.text())) this.faults.push(message.text()); });
    page.on("pageerror", (error) => this.faults.push(String(error)));
    page.on("request", (request) => { if (!request.url().startsWith(`http://${server.http}/`)) this.faults.push(`asked ${request.url()}`); });
  }

  /** Presses something that leads on, or posts. */
  async press(locator) {
    this.steps += 1;
    await locator.first().waitFor({ state: "visible", timeout: PATIENCE });
    const gone = this.page.waitForEvent("framenavigated", { timeout: PATIENCE });
    if (this.way === "keyboard") {
      await this.reach(locator.first());
      await this.page.keyboard.press("Enter");
    } else {
      await locator.first().click();
    }
    await gone;
    await this.page.waitForLoadState("load");
  }

  /** Opens what is folded; no load, and a press all the same. */
  async unfold(locator) {
    this.steps += 1;
    if (this.way === "keyboard") {
      await this.reach(locator.first());
      await this.page.keyboard.press("Enter");
    } else {
      await locator.first().click();
    }
  }

  /** Goes by Tab alone until this has the focus, and sees that nothing hides it. */
  async reach(locator) {
    const wanted = await locator.elementHandle();
    for (let n = 0; n < 400; n += 1) {
      if (await wanted.evaluate((element) => element === document.activeElement)) {
        const hidden = await wanted.evaluate((element) => {
          const box = element.getBoundingClientRect();
          const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
          return !(top && (element.contains(top) || top.contains(element)));
        });
        assert(!hidden, "what has the focus is hidden");
        return;
      }
      await this.page.keyboard.press("Tab");
    }
    assert.fail(`no Tab leads to ${locator}`);
  }

  async write(locator, text) {
    if (this.way === "keyboard") await this.reach(locator.first());
    await locator.first().fill(text);
  }

  async find(text) {
    await this.write(this.page.locator("#find"), text);
    await this.press(this.page.locator("form.find button"));
  }

  text() {
    return this.page.locator("main").innerText();
  }

  link(name) {
    return this.page.getByRole("link", { name });
  }

  button(name) {
    return this.page.getByRole("button", { name });
  }

  place(name) {
    return this.page.locator("nav.places").getByRole("link", { name, exact: true });
  }
}

const api = async (method, route, body, type = "application/json") => {
  const headers = { authorization: `Bearer ${server.token}`, "content-type": type };
  const answer = await fetch(`http://${server.http}${route}`, { method, headers, body: typeof body === "string" ? body : JSON.stringify(body) });
  assert(answer.ok, `${method} ${route}: ${answer.status} ${await answer.clone().text()}`);
  return answer.json();
};

const send = (destination, text, more = {}) => api("POST", "/api/v1/messages", { destination, text, ...more });

async function until(what, ask) {
  for (const begun = Date.now(); ; await new Promise((resolve) => setTimeout(resolve, 100))) {
    const answer = await ask();
    if (answer) return answer;
    assert(Date.now() - begun < PATIENCE, `never came: ${what}`);
  }
}

/** A campaign by the API, sent to these numbers. Returns its id once nothing of it waits. */
async function campaign(name, numbers) {
  const made = await api("POST", "/api/v1/campaigns", { name, text: "Sale until Sunday" });
  await api("POST", `/api/v1/campaigns/${made.campaign.id}/recipients`, `number\n${numbers.join("\n")}\n`, "text/csv");
  await api("POST", `/api/v1/campaigns/${made.campaign.id}/start`, {});
  await until("the end of a campaign", async () => (await api("GET", `/api/v1/campaigns/${made.campaign.id}`)).campaign.state === "CAMPAIGN_STATE_COMPLETED");
  return made.campaign.id;
}

/** Puts messages of this owner to where twelve tries would bring them. */
async function giveUp(count) {
  const at = new Date(Date.now() + 3_600_000).toISOString();
  for (let n = 0; n < count; n += 1) await send(`+30691${String(n).padStart(7, "0")}`, "Later", { scheduledAt: at });
  sql("UPDATE messages SET dispatch = 9, status = 6, due_at = NULL, attempts = 12, error_code = 'RETRIES_EXHAUSTED' WHERE dispatch = 0");
}

async function signedIn(browser, way, scopes = EVERYTHING, options = {}) {
  const context = await browser.newContext({ javaScriptEnabled: way !== "no JavaScript", viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const person = new Person(page, way);
  await page.goto(command("console-link", "--user", "1", "--scope", scopes, "--sandbox"));
  await person.press(person.button("Sign in"));
  person.steps = 0;
  return person;
}

/** The tasks of the design, each with its greatest number of steps from a page where one is signed in. */
const TASKS = {
  "did it arrive?": [1, async (p, given) => {
    await p.find(given.delivered.id);
    assert.match(await p.text(), /Delivered .* after the provider took it/);
  }],
  "why not?": [2, async (p, given) => {
    await p.find("+306900000002");
    await p.press(p.page.locator("ol.timeline").getByRole("link", { name: "We sent" }));
    assert.match(await p.text(), /Failed: the carrier could not deliver it/);
  }],
  "opt a number out": [3, async (p, given) => {
    await p.find(given.number);
    await p.press(p.button("Put it on the list"));
    assert.match(await p.text(), /It gets no messages of yours/);
  }],
  "a CSV to a scheduled campaign, and stopped": [10, async (p, given) => {
    await p.press(p.place("Campaigns"));
    await p.press(p.link("New campaign"));
    await p.write(p.page.getByLabel("Name"), "Spring");
    await p.write(p.page.getByLabel("Text", { exact: true }), "Spring sale");
    await p.write(p.page.getByLabel("When, in UTC"), new Date(Date.now() + 86_400_000).toISOString().slice(0, 16));
    await p.press(p.button("On to the recipients"));
    const csv = Array.from({ length: 20 }, (_, n) => `+3069200000${String(n).padStart(2, "0")}`);
    const file = { name: "spring.csv", mimeType: "text/csv", buffer: Buffer.from(`number\n${csv.join("\n")}\nnonsense\n`) };
    await p.page.getByLabel("A CSV file").setInputFiles(file);
    await p.press(p.button("Add the file"));
    assert.match(await p.text(), /20 added, 0 were there already, 1 cannot be used/);
    await p.press(p.link("On to the check"));
    await p.press(p.button("Schedule 20 messages"));
    assert.match(await p.text(), /Scheduled/);
    assert(p.steps <= 8, `scheduled in ${p.steps} steps`);
    await p.unfold(p.page.locator("summary").filter({ hasText: "Cancel the campaign" }));
    await p.press(p.button("Cancel it"));
    assert.match(await p.text(), /what waited will not be sent/);
  }],
  "who failed?": [3, async (p, given) => {
    await p.press(p.place("Campaigns"));
    await p.press(p.link("Failing"));
    await p.press(p.page.locator("table").getByRole("link"));
    assert.match(await p.text(), /the carrier could not deliver it/);
  }],
  "what needs me?": [0, async (p, given) => {
    assert.match(await p.text(), /of all owners were given up/);
  }],
  "let a blocked account go": [2, async (p, given) => {
    await api2("outage", "unauthorized");
    await send("+306900000001", "Refused").catch(() => {});
    await api2("outage", "none");
    await p.page.reload();
    p.steps = 0;
    assert.match(await p.text(), /refuses the account/);
    await p.press(p.page.locator("ul.needs li").filter({ hasText: "refuses the account" }).getByRole("link"));
    await p.press(p.button("Let it go"));
    assert.match(await p.text(), /The account is let go/);
  }],
  "put back all of one reason": [3, async (p, given) => {
    await giveUp(40);
    await p.press(p.place("Attention"));
    await p.press(p.link("Put all of these back"));
    const count = /(\d+) messages match/.exec(await p.text())[1];
    await p.press(p.button(`Put ${count} messages back`));
    assert.match(await p.text(), /Put back: they are tried again|Put back, but for those/);
    await giveUp(3);
  }],
  "tell an endpoint the last hour again": [3, async (p, given) => {
    await p.press(p.place("Endpoints"));
    await p.press(p.link("http://127.0.0.1:9/"));
    await p.write(p.page.getByLabel("From, UTC"), new Date(Date.now() - 3_600_000).toISOString().slice(0, 16));
    await p.press(p.button("Tell it again"));
    assert.match(await p.text(), /The past is being told again/);
  }],
  "any id pasted": [1, async (p, given) => {
    await p.find(given.delivered.providerMessageId);
    assert.match(await p.text(), /Delivered/);
  }],
};

const api2 = async (name, value) => {
  const answer = await fetch(`http://${server.sandbox}/sandbox/settings`, { method: "PUT", headers: { "content-type": "application/json" }, body: JSON.stringify({ [name]: value }) });
  assert(answer.ok, `${answer.status} ${await answer.text()}`);
};

/** What axe finds, and what it does not look for: targets that are too small, and pages that move sideways. */
async function checked(page, name, width) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const told = found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).slice(0, 3).join(", ")}`);
  assert.deepEqual(told, [], name);
  const small = await page.evaluate(() => [...document.querySelectorAll("button, input:not([type=hidden]), select, textarea, summary")]
    .map((e) => [e, e.getBoundingClientRect()])
    .filter(([, box]) => box.width > 0 && (box.height < 24 || box.width < 24)).map(([e]) => e.outerHTML.slice(0, 80)));
  assert.deepEqual(small, [], `${name}: too small to be hit`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert(wide <= width, `${name}: ${wide} pixels wide at ${width}`);
}

async function main() {
  server = await serve({ GRPC_ADDR: "127.0.0.1:0", HTTP_ADDR: "127.0.0.1:0" });
  server.token = command("token", "--user", "1", "--scope", EVERYTHING, "--sandbox");
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-background-networking", "--disable-component-update"],
  });
  try {
    console.log(`Chromium ${browser.version()}`);
    const sent = (await send("+306900000001", "Your code is 482913", { reference: "order 1" })).message;
    await send("+306900000002", "Your code is 1742");
    await send("+306900000001", "\u{5E9}\u{5DC}\u{5D5}\u{5DD} ".repeat(40));
    await send("+306900000001", `${"<b>&\u{201C}long\u{201D} ".repeat(90)}`.slice(0, 1300));
    await send("+447700900123456".slice(0, 16), "Fifteen digits").catch(() => {});
    const given = { delivered: await until("a delivery", async () => {
      const message = (await api("GET", `/api/v1/messages/${sent.id}`)).message;
      return message.status === "MESSAGE_STATUS_DELIVERED" && message;
    }) };
    await campaign("Failing", ["+306910010001", "+306910020002", "+306910030002"]);
    await api("POST", "/api/v1/webhook-endpoints", { url: "http://127.0.0.1:9/" });
    await giveUp(3);
    await until("a report of a failure", async () => (await api("GET", "/api/v1/messages?status=MESSAGE_STATUS_FAILED")).messages?.length >= 3);

    const taken = [];
    for (const way of ["mouse", "keyboard", "no JavaScript"]) {
      for (const [n, [name, [most, task]]] of Object.entries(TASKS).entries()) {
        const person = await signedIn(browser, way);
        given.number = `+30693000${["mouse", "keyboard", "no JavaScript"].indexOf(way)}${String(n).padStart(3, "0")}`;
        await task(person, given).catch((error) => { error.message = `${name}, ${way}: ${error.message}`; throw error; });
        assert(person.steps <= most, `${name}, ${way}: ${person.steps} steps, and at most ${most}`);
        assert.deepEqual(person.faults, [], `${name}, ${way}`);
        if (way === "mouse") taken.push(`${name} ${person.steps}/${most}`);
        await person.page.context().close();
      }
    }
    console.log(`tasks, by mouse, by keyboard alone and without JavaScript, in steps: ${taken.join(", ")}`);

    const list = await api("GET", "/api/v1/campaigns");
    const of = (name) => list.campaigns.find((one) => one.name === name).id;
    const draft = (await api("POST", "/api/v1/campaigns", { name: "Draft \u{5E9}\u{5DC}\u{5D5}\u{5DD}", text: "Hi {{name}}" })).campaign.id;
    const endpoint = (await api("GET", "/api/v1/webhook-endpoints")).endpoints[0].id;
    const pages = {
      now: "", messages: "/messages", message: `/messages/${given.delivered.id}`, campaigns: "/campaigns", campaign: `/campaigns/${of("Failing")}`,
      new: "/campaigns/new", recipients: `/campaigns/${draft}/recipients`, check: `/campaigns/${draft}/check`, inbox: "/inbox",
      endpoints: "/endpoints", endpoint: `/endpoints/${endpoint}`, attention: "/attention", dead: "/attention/dead", system: "/system",
      users: "/users", user: "/users/1", audit: "/audit", phone: "/phone", nothing: "/messages?status=MESSAGE_STATUS_EXPIRED", wrong: "/messages?after=x",
    };
    let looked = 0;
    const wrong = [];
    for (const colorScheme of ["light", "dark"]) {
      for (const width of [320, 1280]) {
        const person = await signedIn(browser, "mouse", EVERYTHING, { colorScheme, viewport: { width, height: 900 }, reducedMotion: "reduce" });
        for (const [name, place] of Object.entries(pages)) {
          await person.page.goto(`http://${server.http}/console${place}`);
          await checked(person.page, `${name}, ${colorScheme}, ${width}`, width).catch((error) => wrong.push(error.message));
          const picture = (dir, file) => person.page.screenshot({ path: path.join(dir, file), fullPage: name !== "messages" });
          if (LOOK) await picture(LOOK, `${name}-${colorScheme}-${width}.png`);
          if (PICTURES && SHOWN.includes(name) && width > 1000 && colorScheme === "light") await picture(PICTURES, `${name}.png`);
          looked += 1;
        }
        // The page that shows a new key, which has no place to break.
        await person.page.goto(`http://${server.http}/console/users/1`);
        await person.unfold(person.page.locator("summary").filter({ hasText: "Make a key" }));
        await person.press(person.button("Make it"));
        assert.match(await person.text(), /msk_/);
        await checked(person.page, `new key, ${colorScheme}, ${width}`, width).catch((error) => wrong.push(error.message));
        await person.page.goto(`http://${server.http}/docs`);
        assert.deepEqual(person.faults, []);
        await person.page.context().close();
      }
    }
    assert.deepEqual(wrong, []);
    const outside = await (await browser.newContext()).newPage();
    await outside.goto(`http://${server.http}/console/sign-in`);
    await checked(outside, "sign-in", 1280);
    console.log(`${looked + 1} pages by axe, in the light and in the dark, 320 and 1280 pixels wide: no violation, nothing too small, nothing wider`);

    // Where people choose the colours, backgrounds are gone: what they told has to be told by a line, and the focus as well.
    const plain = await signedIn(browser, "mouse", EVERYTHING, { forcedColors: "active", viewport: { width: 1280, height: 900 } });
    let lined = 0;
    for (const [name, place] of Object.entries(pages)) {
      await plain.page.goto(`http://${server.http}/console${place}`);
      await checked(plain.page, `${name}, forced colours`, 1280);
      const found = await plain.page.evaluate(() => {
        const told = [...document.querySelectorAll(".state, .notice, .mistakes, .warning, .empty, blockquote")];
        const bare = told.filter((e) => parseFloat(getComputedStyle(e).borderTopWidth) < 1).map((e) => e.outerHTML.slice(0, 80));
        const unseen = [...document.querySelectorAll("main a, main button, main input:not([type=hidden]), main select, main textarea, main summary")]
          .filter((e) => {
            e.focus({ focusVisible: true });
            const { outlineStyle, outlineWidth } = getComputedStyle(e);
            return document.activeElement === e && (outlineStyle === "none" || parseFloat(outlineWidth) < 1);
          })
          .map((e) => e.outerHTML.slice(0, 80));
        return { told: told.length, bare, unseen };
      });
      assert.deepEqual([found.bare, found.unseen], [[], []], `${name}, forced colours`);
      lined += found.told;
    }
    assert(lined > 20, `${lined} things told by a line`);
    await plain.page.context().close();
    console.log(`with forced colours, ${lined} things that a background told are told by a line, and every focus is seen`);

    const masked = await signedIn(browser, "mouse", "messages:read messages:send campaigns ops");
    for (const place of Object.values(pages)) {
      await masked.page.goto(`http://${server.http}/console${place}`);
      const whole = (await masked.page.content()).match(/\+?30\s?69\d{8}/g);
      assert.equal(whole, null, `${place} has ${whole}`);
    }
    console.log("without reveal no page has a whole number");

    // More tabs than a browser has connections to a host, all of them live.
    const many = await signedIn(browser, "mouse");
    const watched = (await send("+306900000001", "Later", { scheduledAt: new Date(Date.now() + 3_600_000).toISOString() })).message;
    const tabs = [];
    for (let n = 0; n < 8; n += 1) {
      tabs.push(await many.page.context().newPage());
      await tabs[n].goto(`http://${server.http}/console/messages/${watched.id}`, { timeout: 5000 });
    }
    await api("POST", `/api/v1/messages/${watched.id}/cancel`, {});
    await Promise.all(tabs.map((tab) => tab.locator("#live").getByText("Cancelled").first().waitFor({ timeout: 15_000 })));
    await many.page.context().close();
    console.log("eight tabs are live at once");

    // A live page while the server is killed and comes back at the same place, within five seconds of it.
    const person = await signedIn(browser, "mouse");
    const at = new Date(Date.now() + 3_600_000).toISOString();
    const waits = (await send("+306900000001", "Later", { scheduledAt: at })).message;
    await person.page.goto(`http://${server.http}/console/messages/${waits.id}`);
    await person.page.locator("#live").getByText("It waits for its time").waitFor();
    const ports = { GRPC_ADDR: server.grpc, HTTP_ADDR: server.http };
    const token = server.token;
    server.child.kill("SIGKILL");
    await server.child.ended;
    server = { ...(await serve(ports)), token };
    await api("POST", `/api/v1/messages/${waits.id}/cancel`, {});
    const begun = Date.now();
    await person.page.locator("#live").getByText("Cancelled").first().waitFor({ timeout: 5000 });
    console.log(`a live page told of a change ${Date.now() - begun} ms after the server was back from a kill`);
    assert.deepEqual(person.faults.filter((fault) => !/ERR_|Failed to load/.test(fault)), []);
  } finally {
    await browser.close();
  }
}

main()
  .catch((error) => {
    console.error(error);
    process.exitCode = 1;
  })
  .finally(async () => {
    if (server) {
      server.child.kill("SIGKILL");
      await server.child.ended;
    }
    if (process.exitCode) console.error(fs.readFileSync(path.join(data, "log"), "utf8").split("\n").slice(-20).join("\n"));
    fs.rmSync(data, { recursive: true, force: true });
  });
