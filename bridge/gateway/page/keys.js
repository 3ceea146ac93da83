// The keyboard. Keys act where no field wants them.

import { byId, el } from "./dom.js";

const WANTS_LETTERS = "input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]";

/** `actions`: [key, words, what it does] each; a key is as KeyboardEvent names it, "Ctrl+" in front where so. */
export function listenToKeys(actions) {
  const byKey = new Map(actions.map(([key, , action]) => [key, action]));
  document.addEventListener("keydown", (event) => {
    const key = (event.ctrlKey || event.metaKey ? "Ctrl+" : "") + event.key;
    const action = byKey.get(key);
    if (!action || event.altKey || document.querySelector("dialog[open]")) return;
    const inField = event.target.matches?.(WANTS_LETTERS);
    if (inField && !key.startsWith("Ctrl+") && key !== "Escape") return;
    if (event.target.matches?.("button, a, summary, [type=checkbox], [type=radio]") && (key === " " || key === "Enter")) return;
    if (event.target.matches?.("[type=radio]") && key.startsWith("Arrow")) return;
    event.preventDefault();
    action();
  });
  byId("help-list").replaceChildren(...actions.flatMap(([key, words]) => [el("dt", {}, el("kbd", {}, shown(key))), el("dd", {}, words)]));
  byId("help-button").addEventListener("click", () => byId("help").showModal());
  byId("help-close").addEventListener("click", () => byId("help").close());
}

const NAMES = { " ": "Space", ArrowLeft: "Left", ArrowRight: "Right" };
const shown = (key) => key.split("+").map((part) => NAMES[part] ?? part).join(" + ");
