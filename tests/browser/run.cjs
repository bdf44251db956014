// A page of an allowed origin refreshes a campaign in a real browser while the server is killed and started again; a page of
// another origin gets nothing. `scripts/clients browser` runs it: MESSAGING is the program, CHROMIUM the browser.
const assert = require("node:assert/strict");
const { spawn, execFileSync } = require("node:child_process");
const fs = require("node:fs");
const http = require("node:http");
const os = require("node:os");
const path = require("node:path");
const { chromium } = require("playwright-core");

const { MESSAGING, CHROMIUM } = process.env;
const MESSAGES = 400;
const PATIENCE = 120_000;
const root = path.join(__dirname, "../..");
const data = fs.mkdtempSync(path.join(os.tmpdir(), "messaging-browser-"));
const running = new Set();

/** A program, once it has printed its first line. */
function start(args, env = {}) {
  const log = fs.openSync(path.join(data, "log"), "a");
  const child = spawn(MESSAGING, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", log] });
  running.add(child);
  child.ended = new Promise((resolve) => child.once("exit", resolve)).then(() => running.delete(child));
  return new Promise((resolve, reject) => {
    let text = "";
    child.stdout.on("data", (part) => {
      text += part;
      if (text.includes("\n")) resolve({ child, addresses: JSON.parse(text.split("\n")[0]) });
    });
    child.ended.then(() => reject(new Error(`${args[0]} ended: ${fs.readFileSync(path.join(data, "log"))}`)));
  });
}

/** Serves the page; answers its origin. */
function serve() {
  const files = { "/": ["tests/browser/page.html", "text/html"], "/browser.js": ["docs/clients/browser.js", "text/javascript"] };
  const server = http.createServer((request, answer) => {
    const [file, type] = files[request.url] ?? [];
    answer.writeHead(file ? 200 : 404, { "content-type": type ?? "text/plain" });
    answer.end(file && fs.readFileSync(path.join(root, file)));
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve({ server, origin: `http://127.0.0.1:${server.address().port}` }));
  });
}

async function main() {
  const [allowed, forbidden] = [await serve(), await serve()];
  // Outside the server, so that it lives through the kill; slow, so that there is a middle to kill in.
  const sandbox = await start(["sandbox", "--addr", "127.0.0.1:0", "--latency-ms", "25", "--report-delay-ms", "0"]);
  const env = {
    DATA_DIR: data,
    MITTO_API_BASE: `http://${sandbox.addresses.sandbox}`,
    MITTO_API_KEY: "sandbox-key",
    SMS_TRAFFIC_ACCOUNT_ID: "5a4db0c5-0000-4000-8000-000000000001",
    JWT_SECRET: crypto.randomUUID(),
    CORS_ALLOWLIST: allowed.origin,
    REFRESH_CONCURRENCY: "2",
    POLL_RATE: "0",
    GRPC_ADDR: "127.0.0.1:0",
    HTTP_ADDR: "127.0.0.1:0",
  };
  const command = (...args) => execFileSync(MESSAGING, args, { env: { ...process.env, ...env }, encoding: "utf8" }).trim();
  command("migrate");
  const user = command("user", "create", "--name", "browser", "--sender", "Browser");
  const token = command("token", "--user", user);
  let server = await start(["serve"], env);
  Object.assign(env, { GRPC_ADDR: server.addresses.grpc, HTTP_ADDR: server.addresses.http });
  const api = `http://${server.addresses.http}`;

  const ask = async (method, route, type, body) => {
    const answer = await fetch(api + route, { method, headers: { authorization: `Bearer ${token}`, "content-type": type }, body });
    assert.equal(answer.status, 200, `${method} ${route}: ${answer.status}`);
    return answer.json();
  };
  const { campaign } = await ask("POST", "/api/v1/campaigns", "application/json", JSON.stringify({ name: "Browser", text: "Hi" }));
  const numbers = Array.from({ length: MESSAGES }, (_, i) => `+3069${String(i).padStart(4, "0")}0001`);
  await ask("POST", `/api/v1/campaigns/${campaign.id}/recipients`, "text/csv", `number\n${numbers.join("\n")}\n`);
  await ask("POST", `/api/v1/campaigns/${campaign.id}/start`, "application/json", "{}");
  for (const begun = Date.now(); ; await new Promise((resolve) => setTimeout(resolve, 100))) {
    const stats = await ask("GET", `/api/v1/campaigns/${campaign.id}/stats`, "application/json");
    if (stats.sent + stats.delivered === MESSAGES) break;
    assert(Date.now() - begun < PATIENCE, `the campaign never went out: ${JSON.stringify(stats)}`);
  }

  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-background-networking", "--disable-component-update"],
  });
  try {
    console.log(`Chromium ${browser.version()}, ${MESSAGES} messages`);
    const open = async (origin) => {
      const page = await browser.newPage();
      await page.goto(origin);
      for (const [id, value] of Object.entries({ api, token, campaign: campaign.id })) await page.fill(`#${id}`, value);
      return page;
    };
    const state = (page) => page.locator("#state").textContent();
    const settled = (page) =>
      page.waitForFunction(() => document.getElementById("state").value !== "running", null, { timeout: PATIENCE });

    for (const button of ["by-fetch", "by-url"]) {
      const page = await open(allowed.origin);
      await page.click(`#${button}`);
      await page.waitForFunction((n) => window.told.length >= n, MESSAGES / 8, { timeout: PATIENCE });
      server.child.kill("SIGKILL");
      await server.child.ended;
      const before = await page.evaluate(() => window.told.length);
      assert(before < MESSAGES, `${button}: it was over before the kill`);
      server = await start(["serve"], env);
      await settled(page);
      assert.equal(await state(page), "done");
      const told = await page.evaluate(() => window.told);
      const results = told.filter((event) => event.name === "result").map((event) => event.data.result);
      assert.equal(new Set(results.map((result) => result.providerMessageId)).size, MESSAGES, "every message is told of");
      assert.equal(results.length, MESSAGES, "and none twice");
      assert(results.every((result) => result.outcome !== "REFRESH_OUTCOME_FAILED"), "and none failed");
      assert.deepEqual(told.slice(-2).map((event) => event.name), ["summary", "end"]);
      assert.equal(told.at(-2).data.summary.total, String(MESSAGES));
      console.log(`${button}: killed after ${before} results, came back by itself, ${results.length} results, each once, then end`);
      await page.close();
    }

    const page = await open(forbidden.origin);
    await page.click("#by-url");
    await settled(page);
    assert.equal(await state(page), "refused: TypeError");
    const direct = (path) => page.evaluate((url) => fetch(url).then(() => "read", (error) => error.name), api + path);
    assert.equal(await direct("/healthz"), "TypeError");
    assert.deepEqual(await page.evaluate(() => window.told), []);
    // A URL that was made elsewhere is of no use to it either.
    const made = await ask("POST", "/api/v1/stream-urls", "application/json",
      JSON.stringify({ refreshStatusBulk: { campaignId: campaign.id } }));
    const seen = await page.evaluate((url) => new Promise((resolve) => {
      const source = new EventSource(url);
      source.addEventListener("result", () => resolve("told"));
      source.addEventListener("error", () => resolve(source.readyState === EventSource.CLOSED ? "closed" : "waiting"));
    }), api + made.url);
    assert.equal(seen, "closed");
    console.log("another origin: no answer could be read, no event was told");
  } finally {
    await browser.close();
    allowed.server.close();
    forbidden.server.close();
  }
}

main()
  .catch((error) => {
    console.error(error);
    process.exitCode = 1;
  })
  .finally(async () => {
    for (const child of running) child.kill("SIGKILL");
    await Promise.all([...running].map((child) => child.ended));
    if (process.exitCode) console.error(fs.readFileSync(path.join(data, "log"), "utf8").split("\n").slice(-20).join("\n"));
    fs.rmSync(data, { recursive: true, force: true });
  });
