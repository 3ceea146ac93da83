// The joints close up: the source and a take drawn over each other around a border of the region.

import { colour, el } from "./dom.js";

const AROUND = 0.08; // seconds on each side

/** A canvas for each joint of a region (seconds); `fades` are [start, end] of each fade where the report names it. */
export function drawJoints(box, source, take, region, fades) {
  const places = [["Joint in", region.start, fades[0]], ["Joint out", region.end, fades[1]]];
  const inside = places.filter(([, at]) => at > 0.005 && at < take.duration - 0.005);
  box.replaceChildren(...inside.map(([name, at, fade]) => closeUp(name, at, fade, source, take)));
}

function closeUp(name, at, fade, source, take) {
  const canvas = el("canvas", { width: 640, height: 200, role: "img", "aria-label": `${name} at ${at.toFixed(3)} s: source and take` });
  const pen = canvas.getContext("2d");
  const first = at - AROUND;
  const x = (time) => ((time - first) / (2 * AROUND)) * canvas.width;
  pen.fillStyle = colour("--region");
  if (fade) pen.fillRect(x(fade[0]), 0, Math.max(1, x(fade[1]) - x(fade[0])), canvas.height);
  pen.fillStyle = colour("--beat");
  pen.fillRect(x(at), 0, 1, canvas.height);
  const scale = Math.max(0.02, ...[source, take].filter(Boolean).map((buffer) => loudest(buffer, first)));
  if (source) line(pen, source, first, scale, colour("--quiet"));
  line(pen, take, first, scale, colour("--accent"));
  return el("figure", {}, canvas, el("figcaption", {}, `${name}, ${at.toFixed(3)} s`, el("span", { className: "quiet" }, source ? " (grey: before)" : "")));
}

function part(buffer, first) {
  const from = Math.max(0, Math.floor(first * buffer.sampleRate));
  const to = Math.min(buffer.length, Math.ceil((first + 2 * AROUND) * buffer.sampleRate));
  return [from, buffer.getChannelData(0).subarray(from, Math.max(from, to))];
}

function loudest(buffer, first) {
  let most = 0;
  for (const value of part(buffer, first)[1]) most = Math.max(most, Math.abs(value));
  return most;
}

function line(pen, buffer, first, scale, stroke) {
  const [from, data] = part(buffer, first);
  const { width, height } = pen.canvas;
  pen.strokeStyle = stroke;
  pen.lineWidth = 1.5;
  pen.beginPath();
  for (let i = 0; i < data.length; i += 2) {
    const time = (from + i) / buffer.sampleRate;
    pen.lineTo(((time - first) / (2 * AROUND)) * width, height / 2 - (data[i] / scale) * height * 0.45);
  }
  pen.stroke();
}
