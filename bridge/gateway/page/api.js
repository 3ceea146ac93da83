// The line to the gateway. The key comes in the fragment, which no server sees, and stays in this tab.

const KEPT = "acestep-bridge key", KEPT_HERE = "acestep-bridge here";
let key = "", here = "";

/** The key of the fragment or of this tab; "" where there is none. The fragment is cleared. */
export function takeKey() {
  const given = new URLSearchParams(location.hash.slice(1)), found = given.get("key");
  if (given.get("here")) sessionStorage.setItem(KEPT_HERE, given.get("here"));
  here = sessionStorage.getItem(KEPT_HERE) ?? "";
  if (found) {
    useKey(found);
    history.replaceState(null, "", location.pathname);
  } else {
    key = sessionStorage.getItem(KEPT) ?? "";
  }
  return key;
}

export function useKey(text) {
  key = text.trim();
  sessionStorage.setItem(KEPT, key);
}

export function forgetKey() {
  key = "";
  sessionStorage.removeItem(KEPT);
}

/** What the gateway refused: its status, and problems by field where it names them. */
export class Refusal extends Error {
  constructor(status, body) {
    const detail = body?.detail;
    const problems = Array.isArray(detail) ? detail : [];
    super(problems.length ? problems.map((one) => one.msg).join("\n") : String(detail ?? `The gateway said ${status}.`));
    this.status = status;
    this.problems = problems;
  }
}

const headers = (more = {}) => ({ authorization: `Key ${key}`, ...more });

async function refusal(answer) {
  return new Refusal(answer.status, await answer.json().catch(() => null));
}

/** Call a path; the JSON of the answer. Throws Refusal, TypeError where nobody answers. */
export async function call(method, path, body) {
  const more = body === undefined ? {} : { "content-type": "application/json" };
  const answer = await fetch(path, { method, headers: headers(more), body: body === undefined ? undefined : JSON.stringify(body) });
  if (!answer.ok) throw await refusal(answer);
  return answer.json();
}

/** Whether this page was opened by the user of the gateway's machine: it may learn where files lie. */
export const isHere = () => here !== "";

/** The address on this machine's disk of a copy of a take. Throws Refusal. */
export async function copyHere(job, take, show = false) {
  const path = `/studio/jobs/${job}/takes/${take}/copy${show ? "?show=1" : ""}`;
  const answer = await fetch(path, { method: "PUT", headers: headers({ "x-here": here }) });
  if (!answer.ok) throw await refusal(answer);
  return (await answer.json()).uri;
}

/** The bytes of a file, as a Blob. */
export async function file(path) {
  const answer = await fetch(path, { headers: headers() });
  if (!answer.ok) throw await refusal(answer);
  return answer.blob();
}

/** A file's samples. A browser cannot read every format: the gateway then gives the file as WAV. */
export async function sound(player, path, bytes = null) {
  try {
    return await player.decode(bytes ?? (await (await file(path)).arrayBuffer()));
  } catch (error) {
    if (error instanceof Refusal || !path.startsWith("/studio/")) throw error;
    return player.decode(await (await file(`${path}?format=wav`)).arrayBuffer());
  }
}

/** Send a file; its hash and address. */
export async function upload(chosen, onProgress) {
  const announced = await call("POST", "/rest/storage/upload/initiate", {
    file_name: chosen.name, content_type: chosen.type || "application/octet-stream",
  });
  const path = new URL(announced.upload_url).pathname;
  const told = await new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", path);
    request.responseType = "json";
    request.upload.onprogress = (event) => onProgress(event.loaded / event.total);
    request.onload = () => (request.status === 200 ? resolve(request.response) : reject(new Refusal(request.status, request.response)));
    request.onerror = () => reject(new TypeError("The upload was cut short."));
    request.send(chosen);
  });
  return { sha256: told.sha256, url: announced.file_url };
}

const HIDDEN_MS = 30000;

/** Browsers keep six lines to a host: a page that nobody sees for a while gives its own back. */
function whileSeen() {
  const ended = new AbortController();
  let timer = 0;
  const look = () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(() => ended.abort(), HIDDEN_MS);
  };
  document.addEventListener("visibilitychange", look, { signal: ended.signal });
  look();
  return ended;
}

const seen = () => new Promise((resolve) => {
  if (!document.hidden) return resolve();
  document.addEventListener("visibilitychange", () => resolve(), { once: true });
});

/** Follow what happens, for ever; `onLine(false)` when the gateway is gone, `onLine(true)` when it is there. */
export async function follow(on, onLine) {
  let wait = 250;
  for (;;) {
    await seen();
    const line = whileSeen();
    try {
      const answer = await fetch("/studio/events", { headers: headers(), cache: "no-store", signal: line.signal });
      if (!answer.ok) throw await refusal(answer);
      onLine(true);
      wait = 250;
      await readEvents(answer.body.getReader(), on);
      onLine(false);
    } catch (error) {
      if (line.signal.aborted) continue;
      onLine(false, error);
      if (error instanceof Refusal && error.status === 401) return;
    } finally {
      line.abort();
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
    wait = Math.min(wait * 2, 4000);
  }
}

async function readEvents(reader, on) {
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += decoder.decode(value, { stream: true });
    const parts = text.split("\n\n");
    text = parts.pop();
    for (const part of parts) {
      const kind = /^event: (.*)$/m.exec(part)?.[1];
      const data = /^data: (.*)$/m.exec(part)?.[1];
      if (kind && data) on(kind, JSON.parse(data));
    }
  }
}
