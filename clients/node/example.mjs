// Sends one message, and waits until it is delivered. Usage: node example.mjs GRPC_ADDRESS TOKEN [PROTO SERVICE_CONFIG]
import { randomUUID } from "node:crypto";

import { Client, MessagingError } from "./messaging-client.mjs";

const [address, token, proto = "proto", serviceConfig = "messaging_grpc_service_config.json"] = process.argv.slice(2);
const client = new Client(address, { token, proto, serviceConfig }); // With TLS: credentials: grpc.credentials.createSsl()

// It begins here, before the send, and so tells all of it. Keep each token to go on after a restart: watch({ resumeToken }).
const changes = await client.watch({ onToken: () => {} });

const order = `order-${randomUUID()}`; // What is to be sent once: an order's number, a reminder's row.
const sent = await client.send("+306900000001", "Your parcel is on its way", { key: order });
console.log("sent", sent.id);
const again = await client.send("+306900000001", "Your parcel is on its way", { key: order });
if (again.id !== sent.id) throw new Error("a repeat sends nothing");

try {
  await client.send("12", "Hello", { key: `${order}-2` });
} catch (error) {
  if (!(error instanceof MessagingError)) throw error;
  console.log(error.code, error.reason, error.violations);
}

let { status } = await client.get(sent.id);
while (!["MESSAGE_STATUS_DELIVERED", "MESSAGE_STATUS_FAILED", "MESSAGE_STATUS_EXPIRED"].includes(status)) {
  await changes.next(); // Whatever changes next.
  ({ status } = await client.get(sent.id));
}
console.log(status);
process.exit();
