// A small client of the messaging service: sends that are safe to repeat, streams that go on after a cut, errors by reason.
//
//   npm install @grpc/grpc-js @grpc/proto-loader standardwebhooks
//   messaging proto --out proto --service-config messaging_grpc_service_config.json
//
//   const client = new Client("127.0.0.1:50051", { token, proto: "proto", serviceConfig: "messaging_grpc_service_config.json" });
//   const sent = await client.send("+306900000001", "Hello", { key: "order-17" });
//   for await (const event of await client.watch()) console.log(event.id, event.to);
//
// Copy it into your project; it needs no generated code. TypeScript reads its types from the comments.
import fs from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");
const { Webhook, WebhookVerificationError } = require("standardwebhooks");

const CUT = [grpc.status.UNAVAILABLE, grpc.status.ABORTED, grpc.status.UNKNOWN];
const FILES = ["messaging", "campaign", "webhooks"].map((name) => `messaging/v1/${name}.proto`);
const SHAPE = { longs: String, enums: String, defaults: true, oneofs: true };

/** A refused call: decide by `reason`, never by the words. */
export class MessagingError extends Error {
  /** @param {import("@grpc/grpc-js").ServiceError} error */
  constructor(error) {
    const { reason, metadata, violations, retryAfter } = details(error.metadata?.get("grpc-status-details-bin")[0]);
    super(`${grpc.status[error.code]} ${reason}: ${error.details}`);
    this.code = grpc.status[error.code];
    /** A stable word, such as `VALIDATION_ERROR`. @type {string} */ this.reason = reason;
    /** More of it for machines. @type {Record<string, string>} */ this.metadata = metadata;
    /** What is wrong with which field. @type {Record<string, string>} */ this.violations = violations;
    /** How many seconds to wait, where that helps. @type {number | undefined} */ this.retryAfter = retryAfter;
    this.trailers = error.metadata;
  }
}

/** The fields of a message in protobuf's wire form: number and value, a Buffer or a number. @param {Buffer} bytes */
function* fields(bytes) {
  let at = 0;
  const varint = () => {
    let [value, scale] = [0, 1];
    for (; bytes[at] & 128; at += 1, scale *= 128) value += (bytes[at] & 127) * scale;
    return value + bytes[at++] * scale;
  };
  while (at < bytes.length) {
    const tag = varint();
    if ((tag & 7) === 0) yield [tag >> 3, varint()];
    else {
      const length = varint(); // All else in these messages has a length.
      yield [tag >> 3, bytes.subarray(at, (at += length))];
    }
  }
}

/** The details of a `google.rpc.Status`: ErrorInfo, BadRequest and RetryInfo. @param {Buffer | undefined} status */
function details(status) {
  const told = { reason: "", metadata: {}, violations: {}, retryAfter: undefined };
  const pair = (bytes) => [...fields(bytes)].reduce((all, [n, value]) => ({ ...all, [n]: value.toString() }), { 1: "", 2: "" });
  for (const [number, any] of fields(status ?? Buffer.alloc(0))) {
    if (number !== 3) continue;
    const { 1: url, 2: value = Buffer.alloc(0) } = Object.fromEntries(fields(any));
    for (const [n, part] of fields(value)) {
      if (url.toString().endsWith("ErrorInfo")) {
        if (n === 1) told.reason = part.toString();
        if (n === 3) told.metadata[pair(part)[1]] = pair(part)[2];
      } else if (url.toString().endsWith("BadRequest")) told.violations[pair(part)[1]] = pair(part)[2];
      else if (url.toString().endsWith("RetryInfo")) {
        const { 1: seconds = 0, 2: nanos = 0 } = Object.fromEntries(fields(part));
        told.retryAfter = seconds + nanos / 1e9;
      }
    }
  }
  return told;
}

const pause = (n) => new Promise((on) => setTimeout(on, Math.min(8000, 200 * 2 ** n) * (0.5 + Math.random() / 2)));

/** Calls the service. Without `credentials` (`grpc.credentials.createSsl()`) in plain text, on this machine. */
export class Client {
  /**
   * @param {string} address
   * @param {{proto: string, serviceConfig: string, token?: string, apiKey?: string, credentials?: object, timeout?: number}} options
   */
  constructor(address, { proto, serviceConfig, token, apiKey, credentials, timeout = 30_000 }) {
    const types = loader.loadSync(FILES, { ...SHAPE, includeDirs: [proto] });
    const services = grpc.loadPackageDefinition(types).messaging.v1;
    // With it gRPC repeats reads and single sends; the server refuses repeats of those that have no key.
    const options = { "grpc.service_config": fs.readFileSync(serviceConfig, "utf8") };
    const open = (name) => new services[name](address, credentials ?? grpc.credentials.createInsecure(), options);
    this.services = Object.fromEntries(["MessagingService", "CampaignService", "WebhookService"].map((name) => [name, open(name)]));
    this.shown = token ? { authorization: `Bearer ${token}` } : apiKey ? { "x-api-key": apiKey } : {};
    this.timeout = timeout;
  }

  metadata = () => grpc.Metadata.fromHttp2Headers(this.shown);

  /** Calls a method that takes one message and answers one, `MessagingService/GetMessage` for example. */
  call(method, request) {
    const [service, name] = method.split("/");
    const options = { deadline: Date.now() + this.timeout };
    return new Promise((resolve, reject) => {
      this.services[service][name](request, this.metadata(), options, (error, answer) =>
        error ? reject(new MessagingError(error)) : resolve(answer),
      );
    });
  }

  /**
   * Sends one message. Whoever repeats it with the same key gets the same message, and no second SMS.
   * @param {string} to @param {string} text @param {{key: string} & Record<string, unknown>} more
   */
  async send(to, text, { key, ...more }) {
    if (!key) throw new TypeError("key is required: without it a repeat is a second SMS");
    const request = { destination: to, text, idempotencyKey: key, ...more };
    return (await this.call("MessagingService/SendSingle", request)).message;
  }

  /** Our record of a message. @param {string} id */
  get = async (id) => (await this.call("MessagingService/GetMessage", { id })).message;

  /** Takes back a message that waits. @param {string} id */
  cancel = async (id) => (await this.call("MessagingService/CancelMessage", { id })).message;

  /**
   * The steps of a stream that is begun again after the last one, wherever it is cut, until `isEnd`.
   * `onToken` is told the token behind each step once the loop comes back for more: keep it to go on after a restart.
   */
  async *steps(method, request, { onToken, isEnd = () => false, again = CUT } = {}) {
    let [resumeToken, tries] = [request.resumeToken ?? "", 0];
    for (;;) {
      const stream = this.services.MessagingService[method]({ ...request, resumeToken }, this.metadata());
      stream.on("error", () => {}); // Told by the loop; a stream that is cancelled tells it once more.
      try {
        for await (const step of stream) {
          tries = 0;
          yield step;
          resumeToken = step.resumeToken;
          onToken?.(resumeToken);
          if (isEnd(step)) return;
        }
      } catch (error) {
        if (!again.includes(error.code)) throw error.code === undefined ? error : new MessagingError(error);
      } finally {
        stream.cancel();
      }
      await pause(tries++);
    }
  }

  /** The changes of messages from now on, or after a token, for ever. @param {{resumeToken?: string, onToken?: (token: string) => void}} options */
  async watch({ onToken, resumeToken, ...filters } = {}) {
    const again = [...CUT, grpc.status.RESOURCE_EXHAUSTED];
    const follow = (token) => this.steps("WatchMessages", { ...filters, resumeToken: token }, { onToken, again });
    const now = follow("");
    resumeToken ||= (await now.next()).value.resumeToken;
    await now.return();
    return (async function* () {
      for await (const told of follow(resumeToken)) if (told.event) yield told.event;
    })();
  }

  /** Brings a campaign or a list of the provider's ids up to date: its results, then the summary. */
  refresh(target) {
    return this.steps("RefreshStatusBulk", target, { isEnd: (step) => step.event === "summary" });
  }

  /** Makes a campaign. A repeat with the same key is the same campaign. @param {{key: string}} more */
  async createCampaign(name, text, { key, ...more }) {
    return (await this.call("CampaignService/CreateCampaign", { name, text, idempotencyKey: key, ...more })).campaign;
  }

  /** Adds recipients in requests of 500; those that are there are `duplicates`. @param {{destination: string, variables?: Record<string, string>}[]} recipients */
  addRecipients(campaignId, recipients) {
    return new Promise((resolve, reject) => {
      const done = (error, answer) => (error ? reject(new MessagingError(error)) : resolve(answer));
      const stream = this.services.CampaignService.AddRecipients(this.metadata(), {}, done);
      for (let at = 0; at < recipients.length; at += 500) stream.write({ campaignId, recipients: recipients.slice(at, at + 500) });
      stream.end();
    });
  }
}

/**
 * The events of a post: `body` is its bytes as they came. Several secrets while one takes the place of another. Throws a
 * WebhookVerificationError if none of them signed it, or if it is older than five minutes.
 * @param {Buffer} body @param {Record<string, string>} headers @param {...string} secrets
 */
export function verifyWebhook(body, headers, ...secrets) {
  for (const secret of secrets) {
    try {
      const told = new Webhook(secret).verify(body, headers);
      return told.events ?? [told];
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) throw error;
    }
  }
  throw new WebhookVerificationError("No matching signature found");
}
