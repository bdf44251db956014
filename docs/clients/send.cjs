// Sends one SMS, refreshes it as a stream and reads an error. Usage: node send.cjs GRPC_ADDRESS TOKEN
// npm install @grpc/grpc-js @grpc/proto-loader
const path = require("node:path");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const [address, token] = process.argv.slice(2);
const proto = path.join(__dirname, "../../proto"); // Where the contract's files are.
const { messaging } = grpc.loadPackageDefinition(
  loader.loadSync("messaging/v1/messaging.proto", { includeDirs: [proto], longs: String, enums: String, oneofs: true }),
);
// With TLS: grpc.credentials.createSsl()
const client = new messaging.v1.MessagingService(address, grpc.credentials.createInsecure());
const metadata = new grpc.Metadata();
metadata.set("authorization", `Bearer ${token}`);

const send = (request) =>
  new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + 30_000 };
    client.sendSingle(request, metadata, options, (error, answer) => (error ? reject(error) : resolve(answer)));
  });

async function main() {
  // A repeat with the same key answers the same message, and sends nothing.
  const idempotencyKey = crypto.randomUUID();
  const sent = await send({ destination: "+306900000001", text: "Hello from Node", idempotencyKey });
  console.log("sent", sent.messageId);

  for await (const step of client.refreshStatusBulk({ providerMessageIds: { ids: [sent.messageId] } }, metadata)) {
    console.log(`${step.completed} of ${step.total}:`, step.event);
  }

  try {
    await send({ destination: "1", text: "Hello" });
  } catch (error) {
    console.log(grpc.status[error.code], error.details);
  }
}

main().finally(() => client.close());
