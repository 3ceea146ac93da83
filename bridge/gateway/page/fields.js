// Forms made from the definition of the fields: one a task, groups as the gateway tells them, experts' ones folded.

import { el, shown } from "./dom.js";

/** Reads and fills the form of one task. Only what was given is sent: the rest is the model's and the API's own. */
export class Fields {
  #inputs = new Map(); // name -> {field, input, none}

  constructor(form) { this.form = form; }

  /** Show a task's fields; those in `elsewhere` have a place of their own on the page. */
  show(task, elsewhere, models) {
    const values = this.values(false);
    this.#inputs.clear();
    this.form.replaceChildren(...task.groups.map((group) => this.#group(group, elsewhere, models)).filter(Boolean));
    this.fill(values);
  }

  /** Offer other models; the chosen one stays chosen where it is among them. */
  setModels(models) {
    const input = this.#inputs.get("model")?.input;
    if (!input) return;
    const chosen = input.value;
    input.replaceChildren(...modelOptions(models));
    input.value = chosen;
    if (input.selectedIndex < 0) input.selectedIndex = 0;
  }

  #group(group, elsewhere, models) {
    const fields = group.fields.filter((field) => !elsewhere.has(field.name));
    if (!fields.length) return null;
    const inside = el("div", { className: "fields" }, ...fields.map((field) => this.#field(field, models)));
    if (group.folded) return el("details", {}, el("summary", {}, group.title), inside);
    return el("fieldset", {}, el("legend", {}, group.title), inside);
  }

  #field(field, models) {
    const id = `field-${field.name}`;
    const input = makeInput(field, id, models);
    const none = field.nullable ? el("input", { type: "checkbox", id: `${id}-none` }) : null;
    none?.addEventListener("change", () => { input.disabled = none.checked; });
    this.#inputs.set(field.name, { field, input, none });
    const unit = field.unit ? ` (${field.unit})` : "";
    return el("div", { className: `field ${field.kind}` },
      el(field.kind === "several" ? "span" : "label", { className: "label", id: `${id}-label`, htmlFor: field.kind === "several" ? undefined : id }, `${field.label}${unit}`, field.required ? el("span", { className: "needed" }, " needed") : null),
      input,
      none ? el("label", { className: "check" }, none, " everything") : null,
      el("p", { className: "hint", id: `${id}-hint` }, field.description),
      el("p", { className: "problem", id: `${id}-problem`, hidden: true }));
  }

  /** What was given, by name. Throws Error for what no field can hold where `strict`. */
  values(strict = true) {
    const found = {};
    for (const [name, { field, input, none }] of this.#inputs) {
      if (none?.checked) { found[name] = null; continue; }
      const text = input.value;
      if (text.trim() === "") continue;
      try { found[name] = valueOf(field, text); } catch (error) { if (strict) throw new Error(`${field.label}: ${error.message}`); }
    }
    return found;
  }

  /** Put values into their fields; those that the form does not have are left. */
  fill(values) {
    for (const [name, value] of Object.entries(values)) {
      const known = this.#inputs.get(name);
      if (!known) continue;
      if (known.none) { known.none.checked = value === null; known.input.disabled = value === null; }
      if (value !== null) known.input.value = textOf(known.field, value);
    }
  }

  clear() {
    for (const { input, none } of this.#inputs.values()) {
      input.value = "";
      if (input.selectedIndex < 0) input.selectedIndex = 0;
      input.disabled = false;
      if (none) none.checked = false;
    }
    this.problems([]);
  }

  /** Show problems at their fields; those that have none here are given back. */
  problems(list) {
    for (const { input, field } of this.#inputs.values()) {
      const line = document.getElementById(`field-${field.name}-problem`);
      line.hidden = true;
      input.removeAttribute("aria-invalid");
      input.setAttribute("aria-describedby", `field-${field.name}-hint`);
    }
    const others = list.filter((problem) => !this.#problem(problem));
    document.querySelector("#fields [aria-invalid]")?.focus();
    return others;
  }

  #problem(problem) {
    const name = problem.loc?.at(-1);
    const known = this.#inputs.get(name);
    if (!known) return false;
    const line = document.getElementById(`field-${name}-problem`);
    line.textContent = shown(problem.msg);
    line.hidden = false;
    known.input.setAttribute("aria-invalid", "true");
    known.input.setAttribute("aria-describedby", `field-${name}-problem field-${name}-hint`);
    known.input.closest("details")?.setAttribute("open", "");
    return true;
  }
}

function makeInput(field, id, models) {
  const shared = { id, name: field.name, "aria-describedby": `${id}-hint`, required: field.required };
  const usual = field.default === null || field.default === "" ? "" : String(field.default);
  if (field.name === "model") return el("select", shared, ...modelOptions(models));
  if (field.kind === "several") return several(field, id);
  if (field.kind === "bool") return pick(shared, ["true", "false"], usual ? `usual: ${field.default ? "yes" : "no"}` : "usual", { true: "yes", false: "no" });
  if (field.kind === "choice") return pick(shared, field.choices, usual ? `usual: ${usual}` : "usual");
  if (field.kind === "long") return el("textarea", { ...shared, rows: 4, spellcheck: true });
  if (field.kind === "int" || field.kind === "float") {
    return el("input", { ...shared, type: "number", inputMode: "decimal", step: field.kind === "int" ? 1 : "any",
      min: field.minimum ?? "", max: field.maximum ?? "", placeholder: usual });
  }
  return el("input", { ...shared, type: "text", placeholder: field.kind === "list" ? "one, two, ..." : usual, autocomplete: "off" });
}

const modelOptions = ({ names, usual }) => [...(usual ? [el("option", { value: "" }, "the daemon's own")] : []), ...names.map((name) => el("option", { value: name }, name))];

/** Boxes to tick, with a value as a list is typed. */
function several(field, id) {
  const boxes = field.choices.map((choice) => el("input", { type: "checkbox", id: `${id}-${choice}`, value: choice, "aria-describedby": `${id}-hint` }));
  const group = el("div", { id, className: "several", role: "group", "aria-labelledby": `${id}-label` },
    ...boxes.map((box) => el("label", { className: "check" }, box, ` ${box.value.replaceAll("_", " ")}`)));
  Object.defineProperty(group, "value", {
    get: () => boxes.filter((box) => box.checked).map((box) => box.value).join(", "),
    set: (text) => { for (const box of boxes) box.checked = text.split(", ").includes(box.value); },
  });
  group.focus = () => boxes[0].focus();
  return group;
}

function pick(shared, choices, first, words = {}) {
  return el("select", shared, el("option", { value: "" }, first), ...choices.map((choice) => el("option", { value: choice }, words[choice] ?? choice)));
}

function valueOf(field, text) {
  if (field.kind === "bool") return text === "true";
  if (field.kind === "int" || field.kind === "float") return Number(text);
  if (field.kind === "object" || text.trim().startsWith("[{")) return JSON.parse(text);
  if (field.kind !== "list" && field.kind !== "several") return text;
  return text.split(",").map((one) => one.trim()).filter(Boolean).map((one) => (Number.isNaN(Number(one)) ? one : Number(one)));
}

function textOf(field, value) {
  if (Array.isArray(value)) return value.some((one) => typeof one === "object") ? JSON.stringify(value) : value.join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
