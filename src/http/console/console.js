// The console's one script. Every page works without it: it moves what is live, counts a text while it is written, and copies.
"use strict";

/** Over HTTP/1 a browser has six connections to a host, over all tabs: so many of them may be streams. */
const STREAMS = 3, BEAT = 2000, ASKS = 4000;
const tab = String(Math.random());

/** The place of a stream that this tab has, or may have now; none if other tabs have all. Places of tabs that ended are free again. */
function place() {
  try {
    const places = [...Array(STREAMS).keys()].map((n) => `console-stream-${n}`);
    const owner = (key) => (localStorage.getItem(key) ?? "").split(" ");
    const mine = places.find((key) => owner(key)[0] === tab);
    const key = mine ?? places.find((key) => !(Date.now() - Number(owner(key)[1]) < 3 * BEAT));
    if (key) localStorage.setItem(key, `${tab} ${Date.now()}`);
    return key;
  } catch { return "none is counted where nothing can be stored"; }
}

function leave(key) {
  try { if (localStorage.getItem(key)?.startsWith(tab)) localStorage.removeItem(key); } catch { /* None was taken. */ }
}

/** One stream a tab, while the tab is looked at, and every few seconds a question where there is no place for one. The part's content
 * is the server's own markup. */
function live(part) {
  const url = part.dataset.stream;
  let source = null, over = false, paused = false, failed = 0, again = 0, latest = "", held = "", beat = 0;
  const SOON = 12;

  const button = document.createElement("button");
  button.type = "button";
  button.className = "plain";
  const words = () => {
    const still = failed > SOON ? "It stands still: load the page again" : "Keep this part still";
    button.textContent = over ? "This part moves no more" : paused ? "Go on moving" : still;
    button.disabled = over;
  };
  // Never takes away what somebody is at; once they are elsewhere it catches up.
  const show = () => {
    if (latest && !part.contains(document.activeElement) && part.innerHTML !== latest) part.innerHTML = latest;
  };
  part.addEventListener("focusout", () => setTimeout(show));
  button.addEventListener("click", () => { paused = !paused; words(); paused ? close() : open(); });
  part.before(button);
  words();

  function close() {
    clearTimeout(again);
    clearInterval(beat);
    if (source) source.close();
    if (held) leave(held);
    source = null;
    held = "";
  }

  /** The same part of the page as it is now. */
  async function ask() {
    try {
      const answer = await fetch(location.href, { credentials: "same-origin" });
      if (!answer.ok || answer.redirected) throw new Error(answer.statusText);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(part.id);
      failed = 0;
      over = !page.dataset.stream;
      latest = page.innerHTML;
      show();
    } catch { failed += 1; }
    words();
    clearTimeout(again);
    again = setTimeout(open, failed > SOON ? 30000 : 0);
  }

  function open() {
    if (source || over || paused || document.hidden) return;
    held = place() ?? "";
    if (!held) {
      clearTimeout(again);
      again = setTimeout(ask, ASKS);
      return;
    }
    beat = setInterval(() => { if (place() !== held) { close(); open(); } }, BEAT);
    source = new EventSource(url);
    source.addEventListener("part", (event) => {
      failed = 0;
      latest = event.data;
      words();
      show();
    });
    source.addEventListener("end", () => { over = true; words(); close(); });
    source.addEventListener("error", () => {
      close();
      // Soon, as a restart is short; then less often, and the page says that it stands still: the session may be over.
      failed += 1;
      words();
      again = setTimeout(open, (failed <= SOON ? 2500 : 30000) + Math.random() * 500);
    });
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
}

/** Counts a text a moment after the last key, by the same form as the button does. */
function counting(form) {
  const text = form.querySelector("textarea"), shown = form.querySelector("#count");
  let wait = 0, asked = 0;
  text.addEventListener("input", () => {
    clearTimeout(wait);
    wait = setTimeout(async () => {
      const mine = ++asked;
      try {
        const body = new URLSearchParams({ text: text.value });
        const answer = await fetch(form.dataset.count, { method: "POST", body, credentials: "same-origin" });
        if (!answer.ok || answer.redirected || mine !== asked) return;
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const count = page.getElementById("count");
        if (count) shown.replaceChildren(...count.childNodes);
      } catch { /* The button counts, too. */ }
    }, 400);
  });
}

/** A button that copies, where browsers let it. */
function copying(pre) {
  if (!navigator.clipboard) return;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(pre.textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select it, and copy by hand";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  pre.after(button);
}

/** A form that was sent is not sent twice by a second press. */
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "1";
  // Whoever stops the browser may press again; what an act does it does once.
  setTimeout(() => delete form.dataset.sent, 10000);
});
addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent));

/** What was done is said once: not again to whoever comes back or loads the page anew. */
const here = new URL(location);
if (here.searchParams.has("done")) {
  here.searchParams.delete("done");
  history.replaceState(history.state, "", here);
}

/** `/` leads to the field that finds anything. */
document.addEventListener("keydown", (event) => {
  const writes = event.target.closest("input, textarea, select");
  if (event.key !== "/" || writes || event.ctrlKey || event.metaKey || event.altKey) return;
  const field = document.getElementById("find");
  if (field) { event.preventDefault(); field.focus(); }
});

for (const part of document.querySelectorAll("[data-stream]")) live(part);
for (const form of document.querySelectorAll("[data-count]")) counting(form);
for (const pre of document.querySelectorAll("pre.copy")) copying(pre);
document.querySelector(".mistakes")?.scrollIntoView({ block: "nearest" });
