// Parts every component is put together from: elements, words, icons, the theme, a notice.

// An element by tag, class and children: the few lines that a framework would otherwise be for.
export function element(tag, className = "", content = [], attributes = {}) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...(Array.isArray(content) ? content : [content]));
  return made;
}

// A sentence, what stands between its `backticks` set as code.
export function sentence(words) {
  return words.split("`").map((part, i) => (i % 2 ? element("code", "", part) : part));
}

// Raw updates come as the hand moves; plain moves wait for the next frame of the screen.
export const MOVE = "onpointerrawupdate" in window ? "pointerrawupdate" : "pointermove";

// "{n} of {all}" filled in.
export function fill(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

// How long something takes in words: in seconds below 100 of them, in minutes below 100, then in hours.
export function duration(seconds, text) {
  const minutes = Math.round(seconds / 60);
  if (seconds < 100) return fill(text.cmp_seconds, { n: Math.max(1, Math.round(seconds)) });
  if (minutes < 100) return fill(text.cmp_minutes, { n: minutes });
  return fill(text.cmp_hours, { n: Math.floor(minutes / 60), minutes: minutes % 60 });
}

// An English sentence as the page's language says it; as it is where none of `sayings` (English to other) fits.
export function said(sentence, sayings) {
  for (const [english, other] of Object.entries(sayings)) {
    const parts = english.split(/\{(\w+)\}/).map((part, i) => (i % 2 ? `(?<${part}>.+?)` : part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
    const found = new RegExp(`^${parts.join("")}$`).exec(sentence);
    if (found) return fill(other, found.groups ?? {});
  }
  return sentence;
}

const ICONS = {
  pan: "M12 3v18M3 12h18M12 3l-3 3M12 3l3 3M12 21l-3-3M12 21l3-3M3 12l3-3M3 12l3 3M21 12l-3-3M21 12l-3 3",
  lasso: "M12 5c5 0 9 2.400 9 5.500S17 16 12 16c-1.500 0-3-.2-4.200-.6M3.700 13A4 4 0 0 1 3 10.500C3 7.400 7 5 12 5M7 17a2 2 0 1 1-2-2 2 2 0 0 1 2 2c0 2-1 3-2 4",
  select: "M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4",
  closer: "M12 5v14M5 12h14",
  farther: "M5 12h14",
  find: "M10.500 4a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13M15.300 15.300L20 20",
  unwarp: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M8.500 8.500v7M12 7v10M15.500 8.500v7M7 12h10",
  mine: "M4 5.500h16v13H4zM4 15.500l4.500-4.500 4.500 4.500M12.500 15l3-3 4.500 3.500M15.500 8.500a.8.800 0 1 0 .01 0",
  take: "M12 4v11M7.500 10.500L12 15l4.500-4.500M5 19.500h14",
  play: "M7 4.500v15l12-7.500z",
  pause: "M8 5v14M16 5v14",
  onward: "M6 4.500v15l9-7.500zM18 5v14",
  slow: "M4 7.500v9l6-4.500zM12 4.500v15l9-7.500z",
  loop: "M17 3l3 3-3 3M20 6H8a4 4 0 0 0-4 4v1M7 21l-3-3 3-3M4 18h12a4 4 0 0 0 4-4v-1",
  bounce: "M8 8l-4 4 4 4M16 8l4 4-4 4M4 12h16",
  even: "M4 18V8M9.3 18V8M14.7 18V8M20 18V8M3 18h18",
  undo: "M9 7L4 12l5 5M4 12h10a6 6 0 0 1 6 6v1",
  heat: "M3 19l6-11 4 6 3-4 5 9z",
  reset: "M4 12a8 8 0 1 0 2.500-5.800M4 4v4.500h4.500",
};

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

export function isDark(host) {
  const colour = getComputedStyle(host).getPropertyValue("--st-background-color").trim();
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return 0.3 * r + 0.59 * g + 0.11 * b < 110;
}

// A line of words over the map that leaves by itself; `action` is [label, what to do].
export class Notice {
  constructor() {
    this.element = element("div", "mg-notice", [], { role: "status", hidden: "" });
  }

  say(sentence, action = null, stays = false) {
    clearTimeout(this.timer);
    this.element.replaceChildren(sentence);
    if (action) {
      const act = () => {
        this.hide();
        action[1]();
      };
      this.element.append(" ", element("button", "mg-button", [action[0]], { type: "button", onclick: act }));
    }
    this.element.hidden = false;
    if (!stays) this.timer = setTimeout(() => this.hide(), 6000);
  }

  hide() {
    this.element.hidden = true;
  }
}
