/** Refreshes a campaign's messages, or a list, by fetch: `tell(name, data)` for each event, until `end`. Comes back by itself. */
export async function refresh(api, token, request, tell) {
  for (let lastId = "", wait = 250; ; wait = Math.min(wait * 2, 5000)) {
    try {
      const answer = await fetch(`${api}/api/mitto/refresh-status-bulk`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${token}`,
          "content-type": "application/json",
          accept: "text/event-stream",
          ...(lastId && { "last-event-id": lastId }),
        },
        body: JSON.stringify(request),
      });
      if (answer.status === 204) return; // Everything has been told.
      if (!answer.ok && answer.status < 500 && answer.status !== 429) throw new Refused(await answer.json());
      if (answer.ok) {
        for await (const event of events(answer.body)) {
          if (event.id) [lastId, wait] = [event.id, 250];
          if (event.name === "error") break; // Come back with the id.
          if (event.data) tell(event.name, JSON.parse(event.data));
          if (event.name === "end") return;
        }
      }
    } catch (error) {
      if (error instanceof Refused) throw error; // Else the connection broke.
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

export class Refused extends Error {
  constructor({ message, code }) {
    super(message);
    this.code = code;
  }
}

/** The events of a body. */
async function* events(body) {
  let text = "";
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const blocks = (text + part.value).split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const field = (name) => block.match(new RegExp(`^${name}: ?(.*)$`, "m"))?.[1] ?? "";
      yield { id: field("id"), name: field("event"), data: field("data") };
    }
  }
}

/** The same by EventSource, which sends no header: a URL that opens this one stream. It reconnects by itself for an hour. */
export async function refreshByUrl(api, token, request, tell) {
  const answer = await fetch(`${api}/api/v1/stream-urls`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ refreshStatusBulk: request }),
  });
  if (!answer.ok) throw new Refused(await answer.json());
  const source = new EventSource(api + (await answer.json()).url);
  return new Promise((resolve, reject) => {
    for (const name of ["result", "summary", "end"]) {
      source.addEventListener(name, (event) => tell(name, JSON.parse(event.data)));
    }
    source.addEventListener("end", () => resolve(source.close()));
    source.addEventListener("error", () => {
      // CONNECTING: it tries again. CLOSED: it was refused, so ask for a new URL.
      if (source.readyState === EventSource.CLOSED) reject(new Refused({ message: "The stream was refused" }));
    });
  });
}
