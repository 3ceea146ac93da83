// Listening: before and after, takes among themselves; their waveform, joints, spectrogram and the seam in words.

import { call, copyHere, file, isHere, sound } from "./api.js";
import { byId, el, say, seconds, tell } from "./dom.js";
import { drawJoints } from "./joints.js";
import { titleOf, wordsOf } from "./jobs.js";
import { Wave, spectrogram } from "./wave.js";

const BEFORE = "Before";
const AROUND = 1; // seconds around a joint that its loop holds

export class Listen extends EventTarget {
  job = null;
  #player;
  #wave = new Wave(byId("listen-wave"), 90);
  #takes = []; // {name, take}
  #spectrogramOff = null;
  #shown = "";

  constructor(player) {
    super();
    this.#player = player;
    player.addEventListener("change", () => this.#showPlaying());
    this.#wave.addEventListener("seek", (event) => player.seek(event.detail));
    byId("play").addEventListener("click", () => this.toggle());
    byId("loop").addEventListener("change", () => this.#loop());
    byId("level").addEventListener("change", (event) => player.match(event.target.checked));
    byId("spectrogram").addEventListener("change", () => this.#showSpectrogram());
    byId("keep").addEventListener("click", () => this.mark("kept"));
    byId("reject").addEventListener("click", () => this.mark("rejected"));
    byId("as-source").addEventListener("click", () => this.#asSource());
    for (const button of document.querySelectorAll("[data-save]")) button.addEventListener("click", () => this.#save(button.dataset.save));
    byId("drag-out").addEventListener("dragstart", (event) => this.#dragOut(event));
    for (const kind of ["pointerenter", "pointerdown"]) byId("drag-out").addEventListener(kind, () => this.#copyHere());
    byId("show-file").addEventListener("click", () => this.#copyHere(true));
    byId("drag-out").addEventListener("click", (event) => { event.preventDefault(); this.#save(""); });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.job && this.#showJoints(this.#region()));
    requestAnimationFrame(() => this.#tick());
  }

  get take() { return this.#takes.find((one) => one.name === this.#player.chosen)?.take ?? null; }

  /** Show what a job made. Throws Refusal. */
  async open(jobId) {
    const job = await call("GET", `/studio/jobs/${encodeURIComponent(jobId)}`);
    if (!job.takes.length) throw new Error("This job made nothing to listen to.");
    const takes = await Promise.all(job.takes.map((take) => this.#fetched(take)));
    const source = job.source_url ? await sound(this.#player, job.source_url) : null;
    const sourceFacts = source ? await call("GET", `${job.source_url}/facts`) : null;
    this.job = job;
    this.#player.clear();
    if (source) this.#player.add(BEFORE, this.#player.placed(source, job.request.extend_before_duration ?? 0));
    const level = sourceFacts?.loudness_lufs ?? takes[0].facts.loudness_lufs;
    this.#takes = takes.flatMap((one, at) => this.#versions(one, at, source, level));
    for (const one of this.#takes) this.#player.add(one.name, one.buffer, Math.min(12, Math.max(-12, one.gain)));
    byId("duration").textContent = `of ${seconds(this.#player.duration)}`;
    byId("listen").hidden = false;
    byId("listen").dataset.job = jobId;
    this.#listVersions(Boolean(source));
    this.#listLoops();
    this.choose(this.#takes[0].name);
    const model = job.takes[0].model;
    const words = takes.length === 1 ? "One take" : `${takes.length} takes`;
    tell("listen-words", `${titleOf(job)} ${wordsOf(job)}: ${words.toLowerCase()}, made by ${model.name}. ${[job.source_problem, ...(job.warnings ?? [])].filter(Boolean).join(" ")}`);
    say(`${words} ready.`);
  }

  async #fetched(take) {
    const [buffer, facts] = await Promise.all([sound(this.#player, new URL(take.audio.url).pathname), call("GET", `/studio/audio/${take.audio.sha256}`)]);
    return { take, buffer, facts };
  }

  /** A take on the time line; an instrument that was added is heard alone and with its source. */
  #versions({ take, buffer, facts }, at, source, level) {
    const placed = this.#player.placed(buffer, this.#place(take, buffer));
    const name = `Take ${at + 1}`;
    if (this.job.task !== "lego") return [{ name, take, buffer: placed, gain: level - facts.loudness_lufs }];
    const together = source ? [{ name: `${name} with the source`, take, buffer: this.#player.mixed(source, placed), gain: 0 }] : [];
    return [...together, { name, take, buffer: placed, gain: 0 }];
  }

  /** Where a take lies on the time line: a clip begins a handle before its region. */
  #place(take, buffer) {
    if ((this.job.request.output !== "clip" && this.job.task !== "lego") || !take.region) return 0;
    const length = (take.region.end - take.region.start) / take.audio.sample_rate;
    return Math.max(0, take.region.start / take.audio.sample_rate - Math.max(0, (buffer.duration - length) / 2));
  }

  #listVersions(hasSource) {
    const names = [...(hasSource ? [BEFORE] : []), ...this.#takes.map((one) => one.name)];
    byId("versions").replaceChildren(...names.map((name, at) => {
      const id = `version-${at}`;
      const input = el("input", { type: "radio", name: "version", id, value: name, onchange: () => this.choose(name) });
      return el("span", { className: "version" }, input, el("label", { htmlFor: id }, name));
    }));
    this.#showMarks();
  }

  #showMarks() {
    for (const input of document.querySelectorAll("#versions input")) {
      const mark = this.#takes.find((one) => one.name === input.value)?.take.mark ?? "";
      input.nextElementSibling.textContent = mark ? `${input.value} (${mark})` : input.value;
    }
    const mark = this.take?.mark ?? "";
    byId("keep").setAttribute("aria-pressed", String(mark === "kept"));
    byId("reject").setAttribute("aria-pressed", String(mark === "rejected"));
    for (const name of ["keep", "reject", "as-source"]) byId(name).disabled = !this.take;
    for (const button of document.querySelectorAll("[data-save]")) button.disabled = !this.take;
    const file = this.take?.audio;
    byId("drag-out").hidden = !file;
    byId("show-file").hidden = !file || !isHere();
    if (file) Object.assign(byId("drag-out"), { href: file.url, download: file.file_name, title: `Drag ${file.file_name} into a DAW or a folder` });
  }

  names() { return [...document.querySelectorAll("#versions input")].map((input) => input.value); }

  choose(name) {
    if (!this.#player.buffer(name)) return;
    this.#player.choose(name);
    for (const input of document.querySelectorAll("#versions input")) input.checked = input.value === name;
    this.#draw();
    this.#showMarks();
  }

  #draw() {
    const name = this.#player.chosen;
    const key = `${this.job.job_id} ${name}`;
    if (key === this.#shown) return;
    this.#shown = key;
    this.#wave.show(this.#player.buffer(name), name);
    const place = this.#region();
    if (place) this.#wave.setRegion(place.start, place.end);
    this.#wave.setCursor(this.#player.position);
    this.#showJoints(place);
    this.#showSpectrogram();
  }

  /** The region that was made, in seconds on the time line; null where all was. */
  #region() {
    const take = this.take ?? this.#takes[0].take;
    const rate = take.audio.sample_rate;
    if (!take.region) return null;
    const before = this.job.request.extend_before_duration ?? 0;
    const shift = before && take.region.start < 0 ? before : 0;
    return { start: take.region.start / rate + shift, end: take.region.end / rate + shift };
  }

  #showJoints(place) {
    const take = this.take;
    const report = take?.seam_report ?? null;
    byId("joints").replaceChildren();
    byId("seam").replaceChildren(...sentences(report).map((text) => el("li", {}, text)));
    if (!take || !place) return;
    const rate = take.audio.sample_rate;
    const fades = ["joint_before", "joint_after"].map((name) => report?.[name]?.map((sample) => sample / rate));
    drawJoints(byId("joints"), this.#player.buffer(BEFORE), this.#player.buffer(this.#player.chosen), place, fades);
  }

  #showSpectrogram() {
    const box = byId("listen-spectrogram");
    this.#spectrogramOff?.();
    this.#spectrogramOff = null;
    box.hidden = !byId("spectrogram").checked;
    const buffer = this.#player.buffer(this.#player.chosen);
    if (!box.hidden && buffer) this.#spectrogramOff = spectrogram(box, buffer);
  }

  #listLoops() {
    const place = this.#region();
    const choices = [["", "off"], ...(place ? [["region", "region"], ["in", "joint in"], ["out", "joint out"]] : []), ["all", "all"]];
    byId("loop").replaceChildren(...choices.map(([value, words]) => el("option", { value }, words)));
    this.#loop();
  }

  #loop() {
    const place = this.#region();
    const around = (time) => ({ start: Math.max(0, time - AROUND), end: time + AROUND });
    const loops = { region: place, in: place && around(place.start), out: place && around(place.end), all: { start: 0, end: this.#player.duration } };
    this.#player.setLoop(loops[byId("loop").value] ?? null);
  }

  nextLoop() {
    const list = byId("loop");
    list.selectedIndex = (list.selectedIndex + 1) % list.options.length;
    this.#loop();
    say(`Loop: ${list.options[list.selectedIndex].text}`);
  }

  toggle() {
    if (this.#player.playing) this.#player.pause();
    else this.#player.play();
  }

  #showPlaying() {
    byId("play").textContent = this.#player.playing ? "Pause" : "Play";
    byId("play").setAttribute("aria-pressed", String(this.#player.playing));
  }

  #tick() {
    if (this.job) {
      const at = this.#player.position;
      const text = seconds(at);
      if (byId("position").textContent !== text) {
        tell("position", text);
        this.#wave.setCursor(at);
        this.dispatchEvent(new CustomEvent("position", { detail: at }));
      }
    }
    requestAnimationFrame(() => this.#tick());
  }

  /** Keep or reject the take; again takes it back. */
  async mark(mark) {
    const take = this.take;
    if (!take) return;
    const wanted = take.mark === mark ? "" : mark;
    await call("PUT", `/studio/jobs/${this.job.job_id}/takes/${take.take}`, { mark: wanted });
    take.mark = wanted;
    this.#showMarks();
    say(wanted ? `Take ${take.take + 1} ${wanted}.` : `Take ${take.take + 1}: mark taken back.`);
  }

  #asSource() {
    const take = this.take;
    if (take) this.dispatchEvent(new CustomEvent("source", { detail: { sha256: take.audio.sha256, name: take.audio.file_name } }));
  }

  async #save(format) {
    const take = this.take;
    if (!take) return;
    say(`Making ${format || "the file"} ...`);
    const query = format ? `?format=${format}` : "";
    const blob = await file(`/studio/jobs/${this.job.job_id}/takes/${take.take}/audio${query}`);
    const address = URL.createObjectURL(blob);
    const stem = take.audio.file_name.replace(/\.\w+$/, "");
    const link = el("a", { href: address, download: `${stem}.${format || take.audio.file_name.split(".").pop()}` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
    say("Saved.");
  }

  /** A drag has to name the copy when it begins, so the copy is made when the pointer comes. */
  async #copyHere(show = false) {
    const { take, job } = this;
    if (!take || !isHere() || (take.uri && !show)) return;
    try {
      take.uri = await copyHere(job.job_id, take.take, show);
    } catch (error) {
      say(error.message);
    }
  }

  #dragOut(event) {
    const take = this.take;
    if (!take) return event.preventDefault();
    const { content_type: kind, file_name: name, url } = take.audio;
    event.dataTransfer.setData("DownloadURL", `${kind}:${name}:${url}`);
    event.dataTransfer.setData("text/uri-list", url);
    event.dataTransfer.setData("text/plain", take.uri ?? url); // Ardour takes a file's address from the text
    event.dataTransfer.effectAllowed = "copy";
  }
}

function sentences(report) {
  if (!report) return [];
  if (Array.isArray(report.words)) return report.words;
  return Object.entries(report).filter(([, value]) => typeof value === "number").map(([name, value]) => `${name.replaceAll("_", " ")}: ${value}`);
}
