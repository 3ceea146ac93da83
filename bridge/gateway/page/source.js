// The source: a file that is dropped, chosen or already here; its waveform, region, beats, and edges to extend.

import { call, sound, upload } from "./api.js";
import { byId, el, say, tell } from "./dom.js";
import { Wave } from "./wave.js";

const ROOM = 30; // seconds on each side that an edge may be dragged into

export class Source extends EventTarget {
  facts = null; // {sha256, seconds, beat, loudness_lufs, name}
  buffer = null;
  #mode = "region";
  #wave = new Wave(byId("source-wave"), 110);
  #player;
  #margin = 0;

  constructor(player) {
    super();
    this.#player = player;
    this.#wave.snap = (time) => this.#snapped(time);
    this.#wave.addEventListener("seek", (event) => this.dispatchEvent(new CustomEvent("seek", { detail: event.detail - this.#margin })));
    this.#wave.addEventListener("region", () => this.#fromWave());
    byId("file").addEventListener("change", (event) => event.target.files[0] && this.#take(event.target.files[0]));
    for (const name of ["region-start", "region-end"]) byId(name).addEventListener("change", () => this.#fromNumbers());
    for (const name of ["extend-before", "extend-after"]) byId(name).addEventListener("change", () => this.#fromLengths());
    byId("snap").addEventListener("change", () => { this.#showBeats(); if (this.region) this.#fromNumbers(); });
    this.#takeDrops();
  }

  #takeDrops() {
    const box = byId("drop");
    for (const kind of ["dragenter", "dragover"]) {
      document.addEventListener(kind, (event) => {
        if (!event.dataTransfer?.types.includes("Files")) return;
        event.preventDefault();
        box.classList.add("over");
      });
    }
    document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) box.classList.remove("over"); });
    document.addEventListener("drop", (event) => {
      if (!event.dataTransfer?.files.length) return;
      event.preventDefault();
      box.classList.remove("over");
      this.#take(event.dataTransfer.files[0]);
    });
  }

  async #take(chosen) {
    const bar = byId("upload-progress");
    bar.hidden = false;
    bar.removeAttribute("value");
    this.#say(`Taking in ${chosen.name} ...`);
    try {
      const { sha256 } = await upload(chosen, (share) => { bar.value = share; });
      await this.use(sha256, chosen.name, await chosen.arrayBuffer());
    } catch (error) {
      this.#say(`${chosen.name}: ${error.message}`);
    } finally {
      bar.hidden = true;
      byId("file").value = "";
    }
  }

  /** Work on a file of the store. `bytes` where they are at hand. Throws Refusal. */
  async use(sha256, name, bytes = null) {
    const facts = await call("GET", `/studio/audio/${sha256}`);
    this.buffer = await sound(this.#player, facts.url, bytes);
    this.facts = { ...facts, name };
    byId("source-work").hidden = false;
    this.#say(`${name}: ${facts.seconds.toFixed(2)} s, ${facts.sample_rate} Hz, ${facts.channels === 1 ? "mono" : `${facts.channels} channels`}, ${facts.loudness_lufs} LUFS`);
    byId("beat").textContent = facts.beat ? `${facts.beat.bpm.toFixed(1)} bpm found` : "no steady beat found";
    byId("snap").disabled = !facts.beat;
    byId("snap").checked = Boolean(facts.beat);
    this.#wave.clearRegion();
    this.#show();
    if (this.#mode === "region") this.setRegion(facts.seconds / 3, Math.min((facts.seconds * 2) / 3, facts.seconds / 3 + 30));
    this.dispatchEvent(new Event("change"));
  }

  #say(text) {
    tell("source-name", text);
    say(text);
  }

  /** "region", "extend" or "whole". */
  setMode(mode) {
    if (mode === this.#mode) return;
    this.#mode = mode;
    byId("region-row").hidden = mode !== "region";
    byId("extend-row").hidden = mode !== "extend";
    if (!this.buffer) return;
    this.#wave.clearRegion();
    this.#show();
    if (mode === "region") this.setRegion(this.facts.seconds / 3, (this.facts.seconds * 2) / 3);
    if (mode === "extend") this.setLengths(0, Math.min(10, ROOM));
  }

  #show() {
    this.#margin = this.#mode === "extend" ? ROOM : 0;
    this.#wave.show(this.buffer, this.facts.name, this.#margin, this.#margin);
    const inside = { latestStart: this.#margin, earliestEnd: this.#margin + this.facts.seconds };
    if (this.#mode !== "whole") this.#wave.select(this.#mode === "extend", this.#mode === "extend" ? inside : null);
    this.#showBeats();
  }

  #showBeats() {
    const beat = byId("snap").checked && this.facts?.beat;
    const period = beat ? 60 / beat.bpm : 0;
    this.#wave.setBeats(beat ? { bpm: beat.bpm, first_beat_seconds: (beat.first_beat_seconds + this.#margin) % period } : null);
  }

  #snapped(time) {
    const beat = byId("snap").checked && this.facts?.beat;
    if (!beat) return time;
    const period = 60 / beat.bpm;
    const first = beat.first_beat_seconds + this.#margin;
    return first + Math.round((time - first) / period) * period;
  }

  get region() { return this.#mode === "region" ? this.#wave.region : null; }

  setRegion(start, end) {
    const last = this.facts.seconds;
    let [from, to] = [this.#snapped(start), this.#snapped(end)].map((time) => Math.min(Math.max(0, time), last));
    if (to - from < 0.1) [from, to] = [Math.max(0, Math.min(start, last - 0.1)), Math.min(last, Math.max(end, start + 0.1))];
    this.#wave.setRegion(from, to);
    this.#fromWave();
  }

  setLengths(before, after) {
    const [first, last] = [before, after].map((length) => Math.min(Math.max(0, length), ROOM));
    this.#wave.setRegion(this.#margin - first, this.#margin + this.facts.seconds + last);
    this.#fromWave();
  }

  /** Move an edge of the region by beats, or by a tenth of a second where there are none. */
  nudge(edge, steps) {
    const region = this.region;
    if (!region) return;
    const beat = byId("snap").checked && this.facts.beat;
    region[edge] += steps * (beat ? 60 / beat.bpm : 0.1);
    this.setRegion(region.start, region.end);
  }

  #fromWave() {
    const region = this.#wave.region;
    if (!region) return;
    if (this.#mode === "region") {
      byId("region-start").value = region.start.toFixed(3);
      byId("region-end").value = region.end.toFixed(3);
      byId("region-length").textContent = `${(region.end - region.start).toFixed(2)} s`;
    } else if (this.#mode === "extend") {
      byId("extend-before").value = (this.#margin - region.start).toFixed(2);
      byId("extend-after").value = (region.end - this.#margin - this.facts.seconds).toFixed(2);
    }
    this.dispatchEvent(new Event("region"));
  }

  #fromNumbers() {
    const [start, end] = ["region-start", "region-end"].map((name) => Number(byId(name).value));
    if (this.buffer) this.setRegion(Math.min(start, end), Math.max(start, end));
  }

  #fromLengths() {
    if (this.buffer) this.setLengths(Number(byId("extend-before").value), Number(byId("extend-after").value));
  }

  setCursor(time) { if (this.buffer) this.#wave.setCursor(time + this.#margin); }

  /** The fields of a request that come from here. Throws Error where there is no source yet. */
  values() {
    if (!this.facts) throw new Error("Source: choose or drop a file first.");
    const found = { audio_url: `sha256:${this.facts.sha256}` };
    const region = this.#wave.region;
    if (this.#mode === "region" && region) {
      Object.assign(found, { start_time: rounded(region.start), end_time: rounded(region.end) });
    }
    if (this.#mode === "extend") {
      found.extend_before_duration = rounded(this.#margin - region.start);
      found.extend_after_duration = rounded(region.end - this.#margin - this.facts.seconds);
    }
    return found;
  }
}

const rounded = (value) => Math.max(0, Math.round(value * 1e6) / 1e6);

/** Fill the list of what is here: sources and takes of the newest jobs. */
export function listKnown(jobs) {
  const list = byId("known");
  const seen = new Map();
  for (const job of jobs) {
    if (job.source && !seen.has(job.source)) seen.set(job.source, `source: ${job.source_name.length > 40 ? job.source.slice(0, 8) : job.source_name}`);
    if (job.state === "completed") seen.set(`take ${job.job_id}`, `take: ${(job.request.tags ?? job.request.prompt ?? job.task).slice(0, 40)}`);
  }
  const chosen = list.value;
  list.replaceChildren(el("option", { value: "" }, "sources and takes …"), ...[...seen].slice(0, 60).map(([value, words]) => el("option", { value }, words)));
  list.value = chosen;
}
