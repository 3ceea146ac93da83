// The page put together: what is chosen, what is asked for, what happens meanwhile.

import { Refusal, call, follow, forgetKey, takeKey, useKey } from "./api.js";
import { byId, el, say, tell } from "./dom.js";
import { Fields } from "./fields.js";
import { Jobs, TITLES, cancel, isOver, progressOf } from "./jobs.js";
import { listenToKeys } from "./keys.js";
import { Listen } from "./listen.js";
import { showMachine } from "./machine.js";
import { Player } from "./player.js";
import { Source, listKnown } from "./source.js";

const VIEWS = ["make", "jobs", "machine"];
const MODES = { inpaint: "region", lego: "region", outpaint: "extend" };
const FOR_SOME_MODELS = new Set(["lego", "extract", "complete"]); // shown where a model is trained for them
const ON_THE_WAVEFORM = { region: ["start_time", "end_time", "start_time_relative_to", "end_time_relative_to"], extend: ["extend_before_duration", "extend_after_duration"], whole: [] };
const NOT_IN_PRESETS = new Set(["model", "priority", "tempo_map", "lora", "lora_weight"]);

const player = new Player();
const fields = new Fields(byId("fields"));
const source = new Source(player);
const listen = new Listen(player);
const jobs = new Jobs();
const own = new Map(); // jobs that were asked for here and are under way
let tasks = [];
let models = []; // {name, tasks} of those that are here
let usualTasks = []; // of the daemon's own model
let task = null;

start();

async function start() {
  if (!takeKey()) return askForKey();
  try {
    const told = await call("GET", "/studio/fields");
    tasks = told.forms;
  } catch (error) {
    if (error instanceof Refusal && error.status === 401) return askForKey("The key was not accepted.");
    showBanner(`The gateway does not answer: ${error.message}`);
    return void setTimeout(start, 1000);
  }
  showBanner("");
  showTasks();
  wire();
  showView();
  follow(happened, onLine);
}

function askForKey(problem = "") {
  forgetKey();
  for (const name of VIEWS) byId(`view-${name}`).hidden = true;
  byId("view-key").hidden = false;
  if (problem) showBanner(problem);
  byId("key-form").onsubmit = (event) => {
    event.preventDefault();
    useKey(byId("key-field").value);
    byId("view-key").hidden = true;
    start();
  };
  byId("key-field").focus();
}

// views

function showView() {
  const wanted = VIEWS.includes(location.hash.slice(1)) ? location.hash.slice(1) : "make";
  for (const name of VIEWS) byId(`view-${name}`).hidden = name !== wanted;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === wanted) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${{ make: "Make", jobs: "Jobs", machine: "Machine" }[wanted]} - acestep-bridge`;
  if (wanted === "machine") guarded(showMachine);
}

function goTo(view) {
  if (location.hash.slice(1) === view) showView();
  else location.hash = view;
}

const canBeMade = (name) => !FOR_SOME_MODELS.has(name) || usualTasks.includes(name) || models.some((model) => model.tasks.includes(name));

/** The tasks that a model here is trained for; the chosen one stays chosen. */
function showTasks() {
  const shown = tasks.filter((one) => canBeMade(one.task));
  const box = byId("tasks");
  const told = shown.map((one) => one.task).join(" ");
  if (box.dataset.shown === told) return;
  box.dataset.shown = told;
  const hadFocus = box.contains(document.activeElement);
  box.replaceChildren(el("legend", {}, "What to make"), ...shown.map((one) => {
    const id = `task-${one.task}`;
    const input = el("input", { type: "radio", name: "task", id, value: one.task, onchange: () => chooseTask(one.task) });
    return el("span", { className: "version" }, input, el("label", { htmlFor: id }, one.title));
  }));
  const wanted = shown.find((one) => one.task === task?.task) ?? shown[0];
  if (wanted === task) byId(`task-${task.task}`).checked = true;
  else chooseTask(wanted.task);
  if (hadFocus) byId(`task-${wanted.task}`).focus();
}

/** The models that can do a task; `usual`: whether the daemon's own can. */
function modelsFor(name) {
  if (!FOR_SOME_MODELS.has(name)) return { names: models.map((model) => model.name), usual: true };
  return { names: models.filter((model) => model.tasks.includes(name)).map((model) => model.name), usual: usualTasks.includes(name) };
}

function chooseTask(name) {
  task = tasks.find((one) => one.task === name);
  const input = byId(`task-${name}`);
  if (input) input.checked = true;
  const mode = MODES[name] ?? "whole";
  byId("source").hidden = !task.has_source;
  fields.show(task, new Set(task.has_source ? ON_THE_WAVEFORM[mode] : []), modelsFor(name));
  if (task.has_source) source.setMode(mode);
  tell("go", TITLES[name] ?? "Go");
  problem("");
}

// asking for jobs

function input() {
  return { ...fields.values(), ...(task.has_source ? source.values() : {}) };
}

async function go() {
  problem("");
  fields.problems([]);
  let wanted;
  try {
    wanted = input();
  } catch (error) {
    return problem(error.message);
  }
  await ask(task.endpoint, wanted);
}

async function ask(endpoint, wanted) {
  try {
    const told = await call("POST", `/queue/${endpoint}`, { ...wanted, client_data: { client: "studio" } });
    own.set(told.request_id, null);
    say("Queued.");
    await jobs.load();
    for (const job of jobs.all) noteOwn(job);
  } catch (error) {
    if (!(error instanceof Refusal)) return problem(`The gateway does not answer: ${error.message}`);
    const others = fields.problems(error.problems);
    if (others.length || !error.problems.length) problem(others.map((one) => one.msg).join("\n") || error.message);
    else say(error.message);
  }
}

function noteOwn(job) {
  if (!own.has(job.request_id)) return;
  own.set(job.request_id, job);
  showOwn();
  if (!isOver(job)) return;
  own.delete(job.request_id);
  showOwn();
  if (job.state === "completed") guarded(() => hear(job));
  else if (job.state === "failed") problem(job.error?.message ?? "The job failed.");
  else say("Cancelled.");
}

function showOwn() {
  const list = [...own.values()].filter(Boolean);
  const box = byId("running");
  const focused = box.contains(document.activeElement);
  box.replaceChildren(...list.map((job) => progressOf(job, (one) => guarded(() => cancel(one)))));
  if (focused) box.querySelector("button")?.focus();
}

async function hear(job) {
  await listen.open(job.job_id);
  if (location.hash.slice(1) === "make" || !location.hash.slice(1)) byId("listen-title").focus();
}

async function again(job, newSeed) {
  const told = await recipe(job, newSeed);
  if (!told.source_is_here) return problem(`${told.problem} Choose its file, then Change and again.`);
  await ask(told.endpoint, told.input);
  goTo("make");
}

async function recipe(job, newSeed) {
  const take = job.state === "completed" ? "&take=0" : "";
  return call("GET", `/studio/jobs/${job.job_id}/recipe?seed=${newSeed ? "new" : "same"}${take}`);
}

async function change(job) {
  const told = await recipe(job, false);
  goTo("make");
  chooseTask(told.task);
  fields.clear();
  const { audio_url: audio, start_time: start, end_time: end, extend_before_duration: before, extend_after_duration: after } = told.input;
  if (audio && told.source_is_here) {
    await source.use(audio.replace("sha256:", ""), job.source_name || "source");
    if (start !== undefined && end !== undefined) exactly(() => source.setRegion(start, end));
    if (task.task === "outpaint") source.setLengths(before ?? 0, after ?? 30);
  }
  fields.fill(told.input);
  byId("fields").querySelector("input, textarea, select")?.focus();
  say("The recipe stands in the fields. Change what you like, then go.");
}

/** A recipe's times are not moved onto beats. */
function exactly(action) {
  const box = byId("snap");
  box.checked = false;
  action();
}

// what happens

function happened(kind, told) {
  if (kind === "job") {
    jobs.changed(told);
    noteOwn(told);
  } else if (kind === "refresh") {
    guarded(refresh);
  } else if (kind === "daemon") {
    daemonIs(told);
  } else if (kind === "engine") {
    tell("engine", `Engine ${told.state}${told.device ? ` on ${told.device}` : ""}${told.queued ? `, ${told.queued} waiting` : ""}`);
    if (!byId("view-machine").hidden) guarded(showMachine);
  }
}

async function refresh() {
  const told = await call("GET", "/studio/models");
  models = told.models.filter((model) => model.available);
  usualTasks = told.default_tasks;
  showTasks();
  fields.setModels(modelsFor(task.task));
  await jobs.load();
  for (const job of jobs.all) noteOwn(job);
  await listPresets();
}

function daemonIs({ up, stopped }) {
  if (up) return showBanner("");
  byId("engine").textContent = "";
  if (!stopped) return showBanner("The daemon has gone away. It is being started again ...");
  showBanner("The daemon was ended. ", el("button", { type: "button", onclick: () => guarded(() => call("POST", "/studio/daemon")) }, "Start it"));
}

function onLine(there, error) {
  if (error instanceof Refusal && error.status === 401) return askForKey("The key was not accepted.");
  if (!there) showBanner("The gateway does not answer. Trying again ...");
}

function showBanner(text, ...more) {
  const banner = byId("banner");
  banner.hidden = !text;
  banner.replaceChildren(text, ...more);
}

function problem(text) {
  byId("problems").hidden = !text;
  tell("problems", text);
}

/** Do something; what goes wrong is said on the page. */
async function guarded(action) {
  try {
    await action();
  } catch (error) {
    problem(error.message);
    say(error.message);
  }
}

// presets

async function listPresets() {
  const { presets } = await call("GET", "/studio/presets");
  const list = byId("preset");
  list.replaceChildren(el("option", { value: "" }, "none"), ...presets.map((name) => el("option", { value: name }, name)));
}

async function recallPreset() {
  const name = byId("preset").value;
  if (!name) return;
  const { values } = await call("GET", `/studio/presets/${encodeURIComponent(name)}`);
  fields.fill(values);
  if (source.region && values.start_time !== undefined && values.end_time !== undefined) source.setRegion(values.start_time, values.end_time);
  say(`Preset ${name} stands in the fields.`);
}

async function savePreset() {
  const name = prompt("Name of the preset");
  if (!name) return;
  const given = { ...fields.values(), ...(source.region && task.has_source ? { start_time: source.values().start_time, end_time: source.values().end_time } : {}) };
  const values = Object.fromEntries(Object.entries(given).filter(([field]) => !NOT_IN_PRESETS.has(field)));
  await call("PUT", `/studio/presets/${encodeURIComponent(name.trim())}`, values);
  await listPresets();
  byId("preset").value = name.trim();
  say(`Preset ${name} saved; OSC surfaces have it too.`);
}

// wiring

function wire() {
  if (wire.done) return;
  wire.done = true;
  addEventListener("hashchange", showView);
  byId("go").addEventListener("click", () => guarded(go));
  byId("fields").addEventListener("submit", (event) => { event.preventDefault(); guarded(go); });
  byId("clear").addEventListener("click", () => fields.clear());
  byId("preset").addEventListener("change", () => guarded(recallPreset));
  byId("preset-save").addEventListener("click", () => guarded(savePreset));
  byId("known").addEventListener("change", () => guarded(useKnown));
  jobs.addEventListener("list", () => listKnown(jobs.all));
  jobs.addEventListener("listen", (event) => { goTo("make"); guarded(() => hear(event.detail)); });
  jobs.addEventListener("again", (event) => guarded(() => again(event.detail, false)));
  jobs.addEventListener("again-new", (event) => guarded(() => again(event.detail, true)));
  jobs.addEventListener("change", (event) => guarded(() => change(event.detail)));
  listen.addEventListener("source", (event) => guarded(() => source.use(event.detail.sha256, event.detail.name)));
  listen.addEventListener("position", (event) => { if (listen.job?.source === source.facts?.sha256) source.setCursor(event.detail); });
  source.addEventListener("seek", (event) => { if (listen.job) player.seek(event.detail); });
  listenToKeys(keys());
  setInterval(() => { if (!byId("view-machine").hidden && !document.hidden) showMachine().catch(() => {}); }, 3000);
}

async function useKnown() {
  const value = byId("known").value;
  if (!value) return;
  if (!value.startsWith("take ")) return source.use(value, `source ${value.slice(0, 8)}`);
  const job = await call("GET", `/studio/jobs/${value.slice(5)}`);
  await source.use(job.takes[0].audio.sha256, job.takes[0].audio.file_name);
}

function keys() {
  const version = (at) => () => { const names = listen.names(); if (names[at]) listen.choose(names[at]); };
  const step = (by) => () => {
    const names = listen.names();
    const at = names.indexOf(player.chosen);
    if (names.length) listen.choose(names[(at + by + names.length) % names.length]);
  };
  return [
    [" ", "Play or pause", () => listen.toggle()],
    ["b", "Before, or back to the take", () => listen.choose(player.chosen === "Before" ? listen.last ?? "Take 1" : ((listen.last = player.chosen), "Before"))],
    ["n", "Next version", step(1)],
    ["p", "Version before it", step(-1)],
    ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((at) => [String(at), `Version ${at}`, version(at - 1)]),
    ["ArrowLeft", "A second back", () => player.seek(player.position - 1)],
    ["ArrowRight", "A second on", () => player.seek(player.position + 1)],
    ["l", "Next loop: region, joints, all, off", () => listen.nextLoop()],
    ["m", "Match levels", () => byId("level").click()],
    ["k", "Keep the take", () => guarded(() => listen.mark("kept"))],
    ["x", "Reject the take", () => guarded(() => listen.mark("rejected"))],
    ["[", "Start of the region a beat back", () => source.nudge("start", -1)],
    ["]", "Start of the region a beat on", () => source.nudge("start", 1)],
    ["{", "End of the region a beat back", () => source.nudge("end", -1)],
    ["}", "End of the region a beat on", () => source.nudge("end", 1)],
    ["Ctrl+Enter", "Go", () => guarded(go)],
    ["Escape", "Cancel the job under way", () => { const job = [...own.values()].find(Boolean); if (job) guarded(() => cancel(job)); }],
    ["/", "Search the jobs", () => { goTo("jobs"); setTimeout(() => byId("search").focus()); }],
    ["?", "These keys", () => byId("help").showModal()],
  ];
}
