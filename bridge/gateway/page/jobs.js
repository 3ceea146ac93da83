// The queue and the history: jobs of every client, live; one of them close up with recipe, log and what came of it.

import { call } from "./api.js";
import { byId, el, left, say, tell } from "./dom.js";

const PAGE = 40;
export const TITLES = { inpaint: "Regenerate", outpaint: "Extend", "audio-to-audio": "Remix", "text-to-audio": "From tags", "prompt-to-audio": "From a description", retake: "Retake", lego: "Add an instrument", extract: "Take an instrument out", complete: "Complete a band" };

export const wordsOf = (job) => [job.request?.track ?? job.request?.tracks?.join(", "), job.request?.tags ?? job.request?.prompt].filter(Boolean).join(": ").replaceAll("_", " ");
export const titleOf = (job) => TITLES[job.task] ?? job.task;
export const isOver = (job) => ["completed", "failed", "cancelled", "deleted"].includes(job.state);

/** A job under way: bar, stage, step, time left, cancel. */
export function progressOf(job, onCancel) {
  const stage = job.state === "queued" ? `waits, number ${job.queue_position}` : [job.cancelling ? "is being cancelled" : job.stage, job.steps ? `step ${job.step} of ${job.steps}` : "", left(job.remaining_seconds)].filter(Boolean).join(", ");
  return el("div", { className: "progress" },
    el("progress", { max: 1, value: job.progress, "aria-label": `Progress of ${titleOf(job)} ${wordsOf(job)}` }),
    el("span", { className: "stage" }, stage),
    el("button", { type: "button", className: "cancel", "aria-label": `Cancel ${titleOf(job)} ${wordsOf(job)}`, onclick: () => onCancel(job) }, "Cancel"));
}

export const cancel = (job) => call("PUT", `/studio/jobs/${job.job_id}/cancel`);

export class Jobs extends EventTarget {
  #jobs = new Map();
  #order = [];
  #total = 0;
  #open = "";

  constructor() {
    super();
    let timer = 0;
    const later = () => { clearTimeout(timer); timer = setTimeout(() => this.load(), 200); };
    byId("search").addEventListener("input", later);
    byId("state").addEventListener("change", () => this.load());
    byId("search-form").addEventListener("submit", (event) => { event.preventDefault(); this.load(); });
    byId("more-jobs").addEventListener("click", () => this.load(this.#order.length + PAGE));
  }

  get all() { return this.#order.map((id) => this.#jobs.get(id)); }

  get #filtered() { return Boolean(byId("search").value.trim() || byId("state").value); }

  /** Ask for the list again. */
  async load(limit = Math.max(PAGE, this.#order.length)) {
    const query = new URLSearchParams({ limit: String(Math.min(limit, 500)), search: byId("search").value, state: byId("state").value });
    const told = await call("GET", `/studio/jobs?${query}`);
    this.#jobs = new Map(told.jobs.map((job) => [job.job_id, job]));
    this.#order = told.jobs.map((job) => job.job_id);
    this.#total = told.total;
    this.#showList();
    if (this.#open) this.show(this.#open);
    this.dispatchEvent(new Event("list"));
  }

  /** A job has changed, here or anywhere. */
  changed(job) {
    const known = this.#jobs.get(job.job_id);
    if (job.state === "deleted") {
      this.#jobs.delete(job.job_id);
      this.#order = this.#order.filter((id) => id !== job.job_id);
      if (known) this.#total -= 1;
      this.#showList();
      return;
    }
    if (known && known.sequence > job.sequence) return;
    this.#jobs.set(job.job_id, job);
    if (known) byId(`job-${job.job_id}`)?.replaceWith(this.#row(job));
    else if (!this.#filtered) {
      this.#order.unshift(job.job_id);
      this.#total += 1;
      this.#showList();
    }
    if (this.#open === job.job_id) this.#showDetail(job);
    if (isOver(job) && this.all.some((one) => one?.state === "queued")) this.#loadSoon();
  }

  /** Positions in the queue have moved on: no event tells that of each job. */
  #loadSoon() {
    clearTimeout(this.#soon);
    this.#soon = setTimeout(() => this.load().catch(() => {}), 200);
  }
  #soon = 0;

  #showList() {
    byId("job-list").replaceChildren(...this.all.filter(Boolean).map((job) => this.#row(job)));
    byId("job-count").textContent = `${this.#total} ${this.#total === 1 ? "job" : "jobs"}`;
    byId("no-jobs").hidden = this.#order.length > 0;
    byId("no-jobs").textContent = this.#filtered ? "No job has these words and this state." : "No jobs yet. What is made here, in REAPER, by OSC, HTTP or the command line appears here as it happens.";
    byId("more-jobs").hidden = this.#order.length >= this.#total;
  }

  #row(job) {
    const failed = job.error ? el("p", { className: "problem" }, job.error.message) : null;
    const marks = Object.entries(job.marks ?? {}).map(([take, mark]) => `take ${Number(take) + 1} ${mark}`).join(", ");
    return el("li", { id: `job-${job.job_id}`, className: `job ${job.state}` },
      el("button", { type: "button", className: "job-name", "aria-expanded": String(this.#open === job.job_id), onclick: () => this.show(job.job_id, true) },
        el("strong", {}, titleOf(job)), " ", wordsOf(job)),
      el("span", { className: "state" }, job.state),
      el("span", { className: "quiet" }, [`from ${job.from}`, job.model.name, when(job.created), marks].filter(Boolean).join(" · ")),
      isOver(job) ? null : progressOf(job, (one) => cancel(one)),
      failed);
  }

  /** Open a job close up. */
  async show(jobId, focus = false) {
    this.#open = jobId;
    try {
      this.#showDetail(this.#jobs.get(jobId) ?? (await call("GET", `/studio/jobs/${encodeURIComponent(jobId)}`)));
    } catch (error) {
      this.#open = "";
      byId("detail").hidden = true;
      if (focus) throw error;
      return;
    }
    if (focus) byId("detail-title").focus();
    for (const button of document.querySelectorAll(".job-name")) button.setAttribute("aria-expanded", String(button.parentElement.id === `job-${jobId}`));
  }

  #showDetail(job) {
    const box = byId("detail");
    const tell = (kind) => () => this.dispatchEvent(new CustomEvent(kind, { detail: job }));
    const button = (words, action) => el("button", { type: "button", onclick: action }, words);
    const hadFocus = box.contains(document.activeElement) ? document.activeElement.textContent : null;
    const done = job.state === "completed";
    const unfolded = new Set([...box.querySelectorAll("details[open] > summary")].map((one) => one.textContent));
    const fold = (words, inside, onOpen) => el("details", { open: unfolded.has(words), ontoggle: (event) => event.target.open && onOpen?.() }, el("summary", {}, words), inside);
    const same = box.dataset.job === job.job_id;
    const kept = same ? [byId("tree"), byId("take-files")] : [];
    box.dataset.job = job.job_id;
    box.hidden = false;
    box.replaceChildren(
      el("h3", { id: "detail-title", tabIndex: -1 }, `${titleOf(job)} ${wordsOf(job)}`),
      el("p", { className: "quiet" }, whereItLies(job)),
      ...(isOver(job) ? [] : [progressOf(job, (one) => cancel(one))]),
      ...(job.error ? [el("p", { className: "problem" }, `${job.error.message} ${job.error.remedy ?? ""}`)] : []),
      el("div", { className: "row" },
        done ? button("Listen", tell("listen")) : null,
        button("Again", tell("again")), button("Again with a new seed", tell("again-new")), button("Change and again", tell("change")),
        job.source || done ? button("Tree of takes", () => this.#tree(job)) : null,
        isOver(job) ? button("Delete", () => this.#delete(job)) : null,
        button("Close", () => this.#close())),
      kept[1] ?? el("ul", { id: "take-files", className: "file-list" }),
      kept[0] ?? el("div", { id: "tree" }),
      fold("Recipe", el("pre", { tabIndex: 0, role: "region", "aria-label": "Recipe" }, JSON.stringify(job.request, null, 1))),
      fold("Log", el("pre", { id: "log", tabIndex: 0, role: "region", "aria-label": "Log" }), () => this.#log(job)),
    );
    if (done && !byId("take-files").childElementCount) this.#files(job);
    if (hadFocus) [...box.querySelectorAll("button, h3")].find((one) => one.textContent === hadFocus)?.focus();
  }

  /** Each take with a link to its file. */
  async #files(job) {
    const { takes } = await call("GET", `/studio/jobs/${encodeURIComponent(job.job_id)}`);
    if (byId("detail").dataset.job !== job.job_id) return;
    byId("take-files").replaceChildren(...takes.map((take) => el("li", {},
      el("a", { href: new URL(take.audio.url).pathname, download: take.audio.file_name }, take.audio.file_name),
      ` seed ${take.seed}, ${(take.audio.samples / take.audio.sample_rate).toFixed(2)} s`)));
  }

  async #log(job) {
    const { lines } = await call("GET", `/studio/jobs/${job.job_id}/logs`);
    tell("log", lines.map((line) => `${line.timestamp.slice(11, 19)} ${line.level} ${line.message}`).join("\n") || "Nothing yet.");
  }

  #close() {
    const row = byId(`job-${this.#open}`)?.querySelector(".job-name");
    this.#open = "";
    byId("detail").hidden = true;
    row?.setAttribute("aria-expanded", "false");
    row?.focus();
  }

  async #delete(job) {
    if (!confirm(`Delete this job and its audio? ${titleOf(job)} ${wordsOf(job)}`)) return;
    await call("DELETE", `/studio/jobs/${job.job_id}`);
    this.#open = "";
    byId("detail").hidden = true;
    say("Deleted.");
  }

  async #tree(job) {
    const full = await call("GET", `/studio/jobs/${job.job_id}`);
    const sha256 = full.source ?? full.takes[0]?.audio.sha256;
    const tree = await call("GET", `/studio/tree/${sha256}`);
    byId("tree").replaceChildren(el("h4", {}, "Made from the same source"), el("ul", {}, this.#branch(tree)));
  }

  #branch(branch) {
    const name = branch.here ? branch.sha256.slice(0, 8) : `${branch.sha256.slice(0, 8)} (not here any more)`;
    const jobs = branch.jobs.map((job) => el("li", {},
      el("button", { type: "button", className: "plain", onclick: () => this.show(job.job_id, true) }, `${titleOf(job)} ${wordsOf(job)}`),
      ` ${job.state}`,
      job.made.some((made) => made.jobs.length) ? el("ul", {}, ...job.made.filter((made) => made.jobs.length).map((made) => this.#branch(made))) : null));
    return el("li", {}, `file ${name}`, jobs.length ? el("ul", {}, ...jobs) : null);
  }
}

/** A time of today as a time, an older one with its day. */
function when(seconds) {
  const time = new Date(seconds * 1000);
  return time.toDateString() === new Date().toDateString() ? time.toLocaleTimeString() : time.toLocaleString();
}

/** Where a job came from and where its result lies, in words. */
function whereItLies(job) {
  const data = job.client_data ?? {};
  const project = data.project_file ? String(data.project_file).split(/[\\/]/).pop() : "";
  const place = project ? `in REAPER's project ${project}` : data.app === "reaper" ? "in REAPER's unsaved project" : "";
  const source = job.source_name && job.source_name.length < 60 ? `source ${job.source_name}` : job.source ? `source ${job.source.slice(0, 8)}` : "";
  return [job.state, `from ${job.from}`, place, source, `model ${job.model.description || job.model.name}`, `job ${job.job_id}`].filter(Boolean).join(" · ");
}
