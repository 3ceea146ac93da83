// Elements made by code; text never becomes markup.

// what steers a terminal, ends lines elsewhere or turns the direction of writing (bridge/foreign_text.py has the rule)
const STEERING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
const written = (sign) => {
  const code = sign.charCodeAt(0).toString(16);
  return code.length > 2 ? `\\u${code}` : `\\x${code.padStart(2, "0")}`;
};

/** Text that others wrote (tags, names, messages) as it is shown. */
export const shown = (text) => String(text).replace(STEERING, written);

export const byId = (id) => document.getElementById(id);

const SHOWN = new Set(["textContent", "title", "placeholder"]);

/** Let an element show a text. */
export function tell(id, text) {
  byId(id).textContent = shown(text);
}

/** An element with properties ("on..." are listeners, "aria-..." and "data-..." attributes) and children. */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (SHOWN.has(name)) made[name] = shown(value);
    else if (name in made && !name.includes("-")) made[name] = value;
    else made.setAttribute(name, value === true ? "" : shown(value));
  }
  const present = children.filter((child) => child !== null && child !== undefined);
  made.append(...present.map((child) => (child instanceof Node ? child : shown(child))));
  return made;
}

/** Say something to screen readers, politely. */
export function say(text) {
  const line = byId("status");
  if (line.textContent !== text) line.textContent = shown(text);
}

/** A value as a theme's style sheet has it. */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function seconds(value, digits = 2) {
  const whole = Math.max(0, value);
  const minutes = Math.floor(whole / 60);
  return `${minutes}:${(whole - minutes * 60).toFixed(digits).padStart(digits ? 3 + digits : 2, "0")}`;
}

/** Seconds that are left, as people say them. */
export function left(value) {
  if (value === null || value === undefined) return "";
  return value < 90 ? `${Math.ceil(value)} s left` : `${Math.round(value / 60)} min left`;
}
