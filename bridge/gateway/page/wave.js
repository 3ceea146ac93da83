// A waveform with a cursor, a time line, beats and one region. wavesurfer.js draws; what sounds is the player's.

import WaveSurfer from "./vendor/wavesurfer.js";
import Regions from "./vendor/regions.js";
import Timeline from "./vendor/timeline.js";
import Spectrogram from "./vendor/spectrogram.js";
import { colour, el } from "./dom.js";

const nonce = document.querySelector("meta[name=csp-nonce]").content;
const LEAST = 0.1; // seconds of a region
const A_SECOND = 60; // drawn values
const MOST = 120000;

/** Highest and lowest values of a buffer, with empty seconds before and after it. */
function drawn(buffer, before, after) {
  const total = before + buffer.duration + after;
  const count = Math.min(MOST, Math.max(2000, Math.ceil(total * A_SECOND)));
  const rate = count / total;
  const tops = new Float32Array(count);
  const bottoms = new Float32Array(count);
  for (let channel = 0; channel < buffer.numberOfChannels; channel++) {
    const data = buffer.getChannelData(channel);
    const each = data.length / (buffer.duration * rate);
    const first = Math.round(before * rate);
    for (let at = 0; at < Math.floor(buffer.duration * rate); at++) {
      let high = 0;
      let low = 0;
      for (let i = Math.floor(at * each); i < Math.min(data.length, Math.floor((at + 1) * each) + 1); i++) {
        if (data[i] > high) high = data[i];
        else if (data[i] < low) low = data[i];
      }
      if (high > tops[first + at]) tops[first + at] = high;
      if (low < bottoms[first + at]) bottoms[first + at] = low;
    }
  }
  return { peaks: [tops, bottoms], total };
}

export class Wave extends EventTarget {
  #surfer = null;
  #regions = null;
  #buffer = null;
  #margins = [0, 0];
  #name = "";
  #beats = null;
  #marks = el("canvas", { className: "beats", "aria-hidden": "true" });
  #limits = null; // of the region's edges: {latestStart, earliestEnd}
  #region = null;
  #selects = false;
  #edgesOnly = false;
  #dragOff = null;
  #quiet = false; // while a region is drawn by us
  #total = 0;
  #ready = false;
  #cursor = 0;
  snap = (time) => time;

  constructor(box, height) {
    super();
    this.box = box;
    this.height = height;
    const drawAgain = () => this.#buffer && this.show(this.#buffer, this.#name, ...this.#margins);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAgain);
    new ResizeObserver(() => this.#drawBeats()).observe(box);
  }

  get duration() { return this.#total; }

  /** Draw a buffer, with empty seconds around it that it may be extended into. */
  show(buffer, name, before = 0, after = 0) {
    this.#buffer = buffer;
    this.#name = name;
    this.#margins = [before, after];
    const { peaks, total } = drawn(buffer, before, after);
    this.#surfer?.destroy();
    this.box.replaceChildren();
    this.#total = total;
    this.#ready = false;
    const regions = Regions.create();
    const surfer = WaveSurfer.create({
      container: this.box, height: this.height, cspNonce: nonce, peaks, duration: total, normalize: false,
      waveColor: colour("--wave"), progressColor: colour("--wave-played"), cursorColor: colour("--accent"), cursorWidth: 2,
      hideScrollbar: true, dragToSeek: false, sampleRate: 8000,
      plugins: [regions, Timeline.create({ height: 16, secondaryLabelOpacity: 0.8, style: { fontSize: "11px", color: colour("--quiet") } })],
    });
    [this.#surfer, this.#regions, this.#dragOff] = [surfer, regions, null];
    this.box.setAttribute("role", "img");
    this.box.setAttribute("aria-label", `Waveform of ${name}, ${total.toFixed(1)} seconds`);
    this.box.append(this.#marks);
    surfer.on("interaction", (time) => this.#tell("seek", time));
    surfer.on("ready", () => this.#isReady(surfer));
    regions.on("region-created", (made) => { if (!this.#quiet) this.#settle(made); });
    regions.on("region-updated", (changed) => { if (!this.#quiet) this.#settle(changed); });
    this.#drawBeats();
  }

  #isReady(surfer) {
    if (surfer !== this.#surfer) return;
    this.#ready = true;
    this.#letDrag();
    this.#drawRegion();
    this.setCursor(this.#cursor);
  }

  setCursor(time) {
    this.#cursor = time;
    if (this.#ready) this.#surfer.setTime(Math.min(time, this.#total));
  }

  /** Let a region be dragged anywhere, or only the edges of one that is there. */
  select(edgesOnly, limits = null) {
    this.#limits = limits;
    this.#edgesOnly = edgesOnly;
    this.#selects = true;
    if (this.#ready) this.#letDrag();
  }

  #letDrag() {
    this.#dragOff?.();
    this.#dragOff = this.#selects && !this.#edgesOnly ? this.#regions.enableDragSelection({ color: colour("--region"), minLength: LEAST }, 4) : null;
  }

  /** The region in drawn seconds, or null. */
  get region() { return this.#region && { ...this.#region }; }

  setRegion(start, end) {
    this.#region = { start, end };
    if (this.#ready) this.#drawRegion();
  }

  clearRegion() {
    this.#region = null;
    if (this.#ready) this.#drawRegion();
  }

  #drawRegion() {
    this.#quiet = true;
    this.#regions.clearRegions();
    if (this.#region) {
      this.#regions.addRegion({ id: "region", ...this.#region, color: colour("--region"), drag: this.#selects && !this.#edgesOnly, resize: this.#selects, minLength: LEAST });
    }
    this.#quiet = false;
  }

  /** After a drag: onto beats, inside the limits. */
  #settle(region) {
    let start = Math.max(0, this.snap(region.start));
    let end = Math.min(this.#total, this.snap(region.end));
    if (this.#limits) {
      start = Math.min(start, this.#limits.latestStart);
      end = Math.max(end, this.#limits.earliestEnd);
    }
    if (end - start < LEAST) [start, end] = [region.start, region.end];
    this.setRegion(start, end);
    this.#tell("region", { start, end });
  }

  /** `beat`: {bpm, first_beat_seconds} from the first drawn second on, or null. */
  setBeats(beat) {
    this.#beats = beat;
    this.#drawBeats();
  }

  #drawBeats() {
    const canvas = this.#marks;
    const ratio = devicePixelRatio || 1;
    canvas.width = this.box.clientWidth * ratio;
    canvas.height = this.height * ratio;
    if (!this.#beats || !this.#total) return;
    const pen = canvas.getContext("2d");
    const period = 60 / this.#beats.bpm;
    if ((period / this.duration) * this.box.clientWidth < 4) return;
    pen.fillStyle = colour("--beat");
    for (let time = this.#beats.first_beat_seconds; time < this.duration; time += period) {
      pen.fillRect(Math.round((time / this.duration) * canvas.width), 0, ratio, canvas.height);
    }
  }

  #tell(kind, detail) { this.dispatchEvent(new CustomEvent(kind, { detail })); }
}

/** A spectrogram of a buffer in a box; what it gives back takes it away again. */
export function spectrogram(box, buffer) {
  const channels = [buffer.getChannelData(0)];
  const surfer = WaveSurfer.create({
    container: box, height: 0, cspNonce: nonce, peaks: channels, duration: buffer.duration, interact: false, hideScrollbar: true,
    plugins: [Spectrogram.create({ labels: true, height: 160, fftSamples: 1024, scale: "mel", useWebWorker: false,
      sampleRate: buffer.sampleRate, labelsBackground: "transparent", labelsColor: "#fff", labelsHzColor: "#fff" })],
  });
  return () => { surfer.destroy(); box.replaceChildren(); };
}
