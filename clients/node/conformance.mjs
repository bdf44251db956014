// Shows what the client does, row by row of conformance.json, against a service with a sandbox.
// Usage: node conformance.mjs SETUP [PAGE]. SETUP is a file in JSON: grpc, sandbox, token, expired_token, reading_token, proto,
// service_config. The column Node.js of PAGE has to say what was seen; REWRITE_EXAMPLES=1 writes it.
import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import net from "node:net";

import { Client, MessagingError, verifyWebhook } from "./messaging-client.mjs";

const setup = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const TO = "+306900000001";
const { proto, service_config: serviceConfig } = setup;

const connect = (credentials, address = setup.grpc) => new Client(address, { proto, serviceConfig, ...credentials });
const client = connect({ token: setup.token });

/** A key and a text that no other send of this run has. */
const fresh = () => [`node-${randomUUID()}`, `Hello ${randomUUID()}`];

/** How often the provider took a text. */
async function copies(text) {
  const answer = await (await fetch(`http://${setup.sandbox}/sandbox/ledger`)).json();
  const digest = createHash("sha256").update(text).digest("hex");
  return answer.filter((entry) => entry.text_sha256 === digest).length;
}

async function refused(asked, reason) {
  const error = await asked.then(() => assert.fail(`${reason} was expected`), (error) => error);
  assert(error instanceof MessagingError, error);
  assert.equal(error.reason, reason, error.message);
  return error;
}

const status = (message) => message.status.replace("MESSAGE_STATUS_", "");
const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function until(seen, what) {
  for (const end = Date.now() + 30_000; !(await seen()); await rest(20)) assert(Date.now() < end, `never ${what}`);
}

/** A way to the service that can be cut. */
async function wire() {
  const open = new Set();
  const server = net.createServer((near) => {
    const [host, port] = setup.grpc.split(":");
    const far = net.connect(Number(port), host);
    for (const [one, other] of [[near, far], [far, near]]) {
      open.add(one);
      one.pipe(other);
      one.on("error", () => {}).on("close", () => other.destroy());
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = () => [...open].forEach((socket) => socket.destroy() && open.delete(socket));
  return { address: `127.0.0.1:${server.address().port}`, cut };
}

/** Makes an endpoint, hands it and its posts to `use`, and takes it away. */
async function receiving(fields, use) {
  const [posts, waiting] = [[], []];
  const server = http.createServer(async (request, answer) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const post = [Buffer.concat(parts), request.headers];
    waiting.length ? waiting.shift()(post) : posts.push(post);
    answer.writeHead(204).end();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${server.address().port}/`;
  const made = await client.call("WebhookService/CreateEndpoint", { url, ...fields });
  const { id } = made.endpoint;
  const post = () => (posts.length ? Promise.resolve(posts.shift()) : new Promise((resolve) => waiting.push(resolve)));
  const test = async () => {
    await client.call("WebhookService/SendTestEvent", { id });
    return post();
  };
  try {
    await use({ id, secret: made.secret, post, test });
  } finally {
    await client.call("WebhookService/DeleteEndpoint", { id });
    server.closeAllConnections();
    server.close();
  }
}

/** A watch in the background that has begun: the list that its changes are added to. */
async function watching(who) {
  const [events, changes] = [[], await who.watch()];
  (async () => {
    for await (const event of changes) events.push(event);
  })();
  return events;
}

/** The versions that were told of each message, once each was told as sent. */
async function changes(events, ids) {
  const sent = () => ids.every((id) => events.some((event) => event.id === id && event.to === "MESSAGE_STATUS_SENT"));
  await until(sent, "told as sent");
  return ids.map((id) => events.filter((event) => event.id === id).map((event) => event.version));
}

const rising = (versions) => versions.every((version, at) => at === 0 || version > versions[at - 1]);

const rows = {
  async keyed_send() {
    const [key, text] = fresh();
    const sent = await client.send(TO, text, { key });
    assert(sent.id && sent.providerMessageId && status(sent) === "SENT");
    assert.equal(await copies(text), 1);
  },
  async key_required() {
    const [, text] = fresh();
    for (const options of [{}, { key: "" }]) await assert.rejects(client.send(TO, text, options), TypeError);
    assert.equal(await copies(text), 0);
  },
  async repeat() {
    const [key, text] = fresh();
    assert.equal((await client.send(TO, text, { key })).id, (await client.send(TO, text, { key })).id);
    assert.equal(await copies(text), 1);
  },
  async key_conflict() {
    const [key, text] = fresh();
    await client.send(TO, text, { key });
    await refused(client.send(TO, `${text}!`, { key }), "IDEMPOTENCY_KEY_REUSED");
  },
  async invalid_number() {
    const error = await refused(client.send("12", "Hello", { key: fresh()[0] }), "VALIDATION_ERROR");
    assert.deepEqual(Object.keys(error.violations), ["destination"]);
  },
  async all_violations() {
    const error = await refused(client.send("12", "", { key: fresh()[0] }), "VALIDATION_ERROR");
    assert.deepEqual(Object.keys(error.violations).sort(), ["destination", "text"]);
  },
  async dry_run() {
    const [key, text] = fresh();
    const counted = await client.send(TO, text + "x".repeat(160), { key, dryRun: true });
    assert.deepEqual([counted.segments, counted.id, await copies(text + "x".repeat(160))], [2, "", 0]);
  },
  async not_found() {
    await refused(client.get(randomUUID()), "MESSAGE_NOT_FOUND");
  },
  async unauthenticated() {
    await refused(connect({ token: "nonsense" }).get(randomUUID()), "UNAUTHENTICATED");
  },
  async expired() {
    await refused(connect({ token: setup.expired_token }).get(randomUUID()), "TOKEN_EXPIRED");
  },
  async scope() {
    const reader = connect({ token: setup.reading_token });
    const error = await refused(reader.send(TO, "Hello", { key: fresh()[0] }), "SCOPE_REQUIRED");
    assert.deepEqual(error.metadata, { scope: "messages:send" });
  },
  async lost_answer() {
    const [key, text] = fresh();
    const sent = await client.send("+306900000010", text, { key, deliveryGuarantee: "DELIVERY_GUARANTEE_AT_MOST_ONCE" });
    // A report may be quicker than the answer of the call.
    assert(["UNKNOWN", "SENT", "DELIVERED"].includes(status(sent)), sent.status);
    await until(async () => (await copies(text)) === 1, "in the provider's ledger");
  },
  async rejected() {
    const error = await refused(client.send("+306900000016", "Hello", { key: fresh()[0] }), "PROVIDER_REJECTED");
    assert.equal(status(await client.get(error.metadata.id)), "FAILED");
  },
  async cancel() {
    const [key, text] = fresh();
    const scheduledAt = { seconds: Math.floor(Date.now() / 1000) + 86_400 };
    const message = await client.send(TO, text, { key, scheduledAt });
    assert.equal(status(message), "SCHEDULED");
    const seen = [await client.cancel(message.id), await client.get(message.id)];
    assert.deepEqual(seen.map(status), ["CANCELLED", "CANCELLED"]);
  },
  async already_sent() {
    const [key, text] = fresh();
    const sent = await client.send(TO, text, { key });
    const error = await refused(client.cancel(sent.id), "MESSAGE_STATE");
    assert(["sent", "delivered"].includes(error.metadata.status), error.message);
  },
  async tags() {
    const [key, text] = fresh();
    const sent = await client.send(TO, text, { key, reference: "order 7", metadata: { shop: "athens" } });
    const { reference, metadata } = await client.get(sent.id);
    assert.deepEqual({ reference, metadata }, { reference: "order 7", metadata: { shop: "athens" } });
  },
  async watch() {
    const events = await watching(client);
    const [key, text] = fresh();
    const [versions] = await changes(events, [(await client.send(TO, text, { key })).id]);
    assert(versions.length >= 2 && rising(versions), versions.join());
  },
  async watch_resumes() {
    const way = await wire();
    const events = await watching(connect({ token: setup.token }, way.address));
    const sent = [];
    for (let round = 0; round < 10; round++) {
      for (const [key, text] of [fresh(), fresh(), fresh()]) sent.push((await client.send(TO, text, { key })).id);
      way.cut();
    }
    const told = await changes(events, sent);
    for (const [at, versions] of told.entries()) {
      assert(rising(versions), versions.join());
      const { entries } = await client.call("MessagingService/ExplainMessage", { id: sent[at] });
      const known = entries.filter((entry) => entry.eventId).map((entry) => entry.eventId);
      assert(versions.length <= known.length);
    }
  },
  async refresh() {
    const sent = [];
    for (const [key, text] of [fresh(), fresh(), fresh()]) sent.push(await client.send(TO, text, { key }));
    const ids = sent.map((message) => message.providerMessageId).sort();
    const [told, summaries] = [[], []];
    for await (const step of client.refresh({ providerMessageIds: { ids } })) {
      if (step.event === "result") told.push(step.result.providerMessageId);
      else summaries.push(step.summary.total);
    }
    assert.deepEqual([told.sort(), summaries], [ids, ["3"]]);
  },
  async campaign_add() {
    const [key] = fresh();
    const { id } = await client.createCampaign("conformance", "Hi {{name}}", { key });
    assert.equal((await client.createCampaign("conformance", "Hi {{name}}", { key })).id, id);
    const of = [[TO, "Maria"], ["12", "Nobody"], [TO, "Maria"], ["+306900000021", "Nikos"]];
    const added = await client.addRecipients(id, of.map(([destination, name]) => ({ destination, variables: { name } })));
    assert.deepEqual([added.added, added.duplicates, added.invalid.map((one) => one.index)], ["2", "1", ["1"]]);
  },
  async webhook_verified() {
    await receiving({}, async ({ secret, test }) => {
      const [event] = verifyWebhook(...(await test()), secret);
      assert.equal(event.type, "endpoint.test");
    });
  },
  async webhook_tampered() {
    await receiving({}, async ({ secret, test }) => {
      const [body, headers] = await test();
      const changed = Buffer.from(body);
      changed[changed.length >> 1] ^= 1;
      const old = { ...headers, "webhook-timestamp": String(headers["webhook-timestamp"] - 3600) };
      for (const post of [[changed, headers], [body, old]]) assert.throws(() => verifyWebhook(...post, secret));
    });
  },
  async webhook_rotated() {
    await receiving({}, async ({ id, secret, test }) => {
      const { secret: next } = await client.call("WebhookService/RotateSecret", { id });
      const post = await test();
      assert.notEqual(next, secret);
      const nobodys = `whsec_${"A".repeat(43)}=`;
      for (const secrets of [[secret], [next], [nobodys, next]]) assert.equal(verifyWebhook(...post, ...secrets).length, 1);
    });
  },
  async webhook_batch() {
    const [key, text] = fresh();
    const metadata = { run: key };
    await receiving({ maxBatch: 5, maxWait: { seconds: 1 }, metadata }, async ({ secret, post }) => {
      const sent = [];
      for (const n of [0, 1]) sent.push((await client.send(TO, `${text} ${n}`, { key: `${key} ${n}`, metadata })).id);
      const told = new Set();
      let size = 0;
      while (told.size < sent.length) {
        const events = verifyWebhook(...(await post()), secret);
        events.forEach((event) => told.add(event.data.id));
        size = Math.max(size, events.length);
      }
      assert(size > 1, "no batch had several events");
    });
  },
  async pushback() {
    const [way, [, text]] = [await wire(), fresh()];
    // Its number lets the provider take it and answer late: the connection is cut in between, and gRPC repeats the call.
    const request = { destination: "+306900000011", text, deliveryGuarantee: "DELIVERY_GUARANTEE_AT_MOST_ONCE" };
    const there = connect({ token: setup.token }, way.address);
    const asked = refused(there.call("MessagingService/SendSingle", request), "REPEATED_WITHOUT_KEY");
    asked.catch(() => {}); // Told below.
    await until(async () => (await copies(text)) === 1, "in the provider's ledger");
    way.cut();
    assert.equal((await asked).code, "UNAVAILABLE");
    assert.equal(await copies(text), 1);
  },
};

let failed = 0;
const seen = new Map();
for (const { id, behaviour } of JSON.parse(fs.readFileSync(new URL("../conformance.json", import.meta.url), "utf8"))) {
  try {
    await rows[id]();
    seen.set(behaviour, "yes");
    console.log("pass", id);
  } catch (error) {
    failed = 1;
    seen.set(behaviour, "NO");
    console.log("FAIL", id, String(error.stack).replaceAll("\n", " | "));
  }
}
if (process.argv[3]) {
  const before = fs.readFileSync(process.argv[3], "utf8");
  const header = before.split("\n").find((line) => line.startsWith("| behaviour |")).split(" | ");
  const row = (line) => {
    const cells = line.split(" | ");
    const told = seen.get(cells[0].slice(2));
    return told ? cells.with(header.indexOf("Node.js"), told).join(" | ") : line;
  };
  const now = before.split("\n").map(row).join("\n");
  if (process.env.REWRITE_EXAMPLES) fs.writeFileSync(process.argv[3], now);
  else if (now !== before) {
    failed = 1;
    console.log(`${process.argv[3]} is out of date: REWRITE_EXAMPLES=1 scripts/clients conformance`);
  }
}
process.exit(failed);
