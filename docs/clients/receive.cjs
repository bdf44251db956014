// Receives events. Usage: node receive.cjs PORT SECRET, where SECRET is what CreateEndpoint answered; port 0 is any.
// npm install standardwebhooks
const http = require("node:http");
const { Webhook } = require("standardwebhooks");

const [port, secret] = process.argv.slice(2);
const webhook = new Webhook(secret);
const versions = new Map(); // The newest version of each message: in your database, in the transaction that uses the event.

/** Takes what is new, and passes over what is repeated. */
function use(event) {
  const { id, version } = event.data;
  if (id !== undefined && version <= (versions.get(id) ?? -1)) return;
  console.log(event.type, event.id);
  if (id !== undefined) versions.set(id, version);
}

const server = http.createServer(async (request, answer) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  let told;
  try {
    told = webhook.verify(Buffer.concat(parts), request.headers); // The bytes as they came, and no more than five minutes old.
  } catch {
    answer.writeHead(401).end();
    return;
  }
  (told.events ?? [told]).forEach(use); // A list where `max_batch` is above 1.
  answer.writeHead(204).end();
});
server.listen(Number(port), "127.0.0.1", () => console.log("listening at", server.address().port));
