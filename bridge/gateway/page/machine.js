// Which machine renders, with which models; memory; webhooks on their way.

import { call } from "./api.js";
import { byId, el } from "./dom.js";

const size = (bytes) => (bytes === null || bytes === undefined ? "" : bytes < 1e9 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`);

export async function showMachine() {
  const [about, models, { webhooks }] = await Promise.all([
    call("GET", "/studio/about"), call("GET", "/studio/models"), call("GET", "/studio/webhooks")]);
  const elsewhere = models.models.find((model) => model.machine)?.machine;
  const jobs = Object.entries(about.metrics.jobs).map(([state, count]) => `${count} ${state}`).join(", ");
  facts(byId("about"), {
    "Renders on": elsewhere ? `${elsewhere}, another machine` : `this machine${about.engine.device ? `, ${about.engine.device}` : ""}`,
    Engine: `${about.engine.state}${about.engine.model ? `, ${about.engine.model.split("/").pop()} loaded` : ""}`,
    Model: about.model.description || about.model.name,
    Jobs: jobs || "none yet",
    Audio: `${about.metrics.audio_files} files, ${size(about.metrics.audio_bytes)}`,
    Memory: about.memory ? `${size(about.memory.available_bytes)} of ${size(about.memory.total_bytes)} free; the engine takes ${size(about.memory.engine_bytes) || "nothing yet"}` : "",
    Version: about.package_version,
  });
  fresh(byId("models"), models, modelTable);
  fresh(byId("webhooks"), webhooks, webhookTable);
}

/** Draw again only what has changed: a button under the finger stays. */
function fresh(box, content, draw) {
  const told = JSON.stringify(content);
  if (box.dataset.drawn === told) return;
  box.dataset.drawn = told;
  box.replaceChildren(draw(content));
}

function facts(list, told) {
  list.replaceChildren(...Object.entries(told).filter(([, value]) => value).flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

function modelTable({ models, default: usual }) {
  const rows = models.map((model) => el("tr", {},
    el("th", { scope: "row" }, model.name, model.name === usual ? " (usual)" : ""),
    el("td", {}, model.description),
    el("td", { className: "nowrap" }, size(model.size_bytes)),
    el("td", {}, model.loaded ? "loaded " : model.available ? "here " : el("code", {}, model.remedy),
      model.available && !model.loaded ? el("button", { type: "button", onclick: () => call("POST", "/studio/models/load", { model: model.name }) }, `Load ${model.name}`) : null,
      model.loaded ? el("button", { type: "button", onclick: () => call("POST", "/studio/models/unload") }, `Unload ${model.name}`) : null)));
  return table(["Model", "What it is", "Size", "State"], rows);
}

function webhookTable(webhooks) {
  if (!webhooks.length) return el("p", { className: "quiet" }, "None was asked for.");
  const rows = webhooks.map((one) => el("tr", {},
    el("td", {}, one.url), el("td", {}, one.state.replace("_", " ")), el("td", {}, String(one.attempts)), el("td", {}, one.last_answer),
    el("td", {}, one.state === "pending" && one.next_attempt ? new Date(one.next_attempt * 1000).toLocaleTimeString() : "")));
  return table(["To", "State", "Attempts", "Last answer", "Next"], rows);
}

function table(heads, rows) {
  return el("div", { className: "table", tabIndex: 0, role: "region", "aria-label": heads[0] === "To" ? "Webhooks" : "Models" },
    el("table", {}, el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))), el("tbody", {}, ...rows)));
}
