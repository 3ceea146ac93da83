// Elements made by code; text never becomes markup.

export const byId = (id) => document.getElementById(id);

/** An element with properties ("on..." are listeners, "aria-..." and "data-..." attributes) and children. */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made && !name.includes("-")) made[name] = value;
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Say something to screen readers, politely. */
export function say(text) {
  const line = byId("status");
  if (line.textContent !== text) line.textContent = text;
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
