// The film: a strip of frames for each kind of path, one above the other; together they are one slider.

import { element, fill, MOVE } from "./parts.js";

const SHARE = 0.072; // of the screen's height that a frame is about wide: two kinds leave room for stage and map
const FEWEST = 16; // frames of a strip, where the screen has room for them
const NUMBERS = ["length", "evenness", "farthest", "search"];

export class Film {
  // on: { scrub(t, moment), hold(held), key(event) }
  constructor(text, on) {
    Object.assign(this, { text, on, rows: new Map(), t: 0 });
    this.line = element("i", "mg-hair");
    this.scrub = element("div", "mg-scrub", [this.line], { role: "slider", tabindex: "0", "aria-label": text.film_label,
      "aria-valuemin": "0", "aria-valuemax": "100", "aria-orientation": "horizontal" });
    this.element = element("section", "mg-film", [this.scrub]);
    this.listen();
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.scrub);
  }

  destroy() {
    this.observer.disconnect();
  }

  setKinds(kinds) {
    for (const row of this.rows.values()) row.element.remove();
    this.rows = new Map(kinds.map((kind) => [kind.name, this.row(kind)]));
    for (const row of this.rows.values()) this.element.append(row.element);
    this.element.style.setProperty("--kinds", kinds.length);
    this.resize();
  }

  row(kind) {
    const { text } = this;
    const strip = element("div", "mg-strip", [], { "aria-hidden": "true" });
    const lens = element("canvas", "mg-picture");
    const glass = element("div", "mg-lens", [lens]);
    const note = element("span", "mg-note", [kind.sentence], { title: kind.sentence });
    const values = {};
    const numbers = element("dl", "mg-worth");
    for (const key of NUMBERS) {
      values[key] = element("dd", "", ["–"]);
      numbers.append(element("div", "", [element("dt", "", [text[`walk_${key}`]]), values[key]], { title: text[`walk_${key}_help`] }));
    }
    const made = element("div", "mg-row", [
      element("div", "mg-row-head", [swatch(kind), element("b", "", [kind.title]), note]),
      element("div", "mg-track", [strip, glass]), numbers], { "data-kind": kind.name, "data-empty": "true" });
    return { kind, element: made, strip, glass, lens, note, values, frames: [] };
  }

  // --- what is on it --------------------------------------------------------------------------------------------------

  // `paint(canvas, t)` draws the frame nearest to t.
  setFrames(name, paint) {
    const row = this.rows.get(name);
    row.paint = paint;
    this.fillRow(row);
    row.element.dataset.empty = "false";
  }

  fillRow(row) {
    if (row.frames.length !== this.count) {
      row.frames = Array.from({ length: this.count }, () => element("canvas", "mg-picture"));
      row.strip.replaceChildren(...row.frames);
    }
    if (row.paint) row.frames.forEach((canvas, i) => row.paint(canvas, i / (this.count - 1)));
  }

  setWorth(name, { length, evenness, distance, converged, notes }) {
    const { values, note, kind } = this.rows.get(name);
    const { text } = this;
    values.length.textContent = length.toFixed(1);
    values.evenness.textContent = fill(text.walk_percent, { value: (100 * evenness).toFixed(0) });
    const farthest = Math.max(...distance);
    values.farthest.textContent = fill(text.times, { value: tidy(farthest) });
    values.search.textContent = converged ? text.walk_converged : text.walk_stopped;
    values.search.dataset.level = converged ? "" : "edge";
    const words = notes.length ? notes.join(" ") : kind.sentence;
    note.textContent = note.title = words;
    note.dataset.level = notes.length ? "edge" : "";
  }

  // A sentence instead of the card's own: that a search runs, or why it failed.
  say(name, sentence, level = "") {
    const { note } = this.rows.get(name);
    note.textContent = note.title = sentence;
    note.dataset.level = level;
  }

  // --- where it is ----------------------------------------------------------------------------------------------------

  // Only transforms and the number for screen readers are touched here: nothing is laid out under a moving hand.
  place(t) {
    this.t = t;
    const percent = Math.round(100 * t);
    if (percent !== this.percent) this.scrub.setAttribute("aria-valuenow", (this.percent = percent));
    const x = this.cell / 2 + t * (this.width - this.cell);
    this.line.style.transform = `translate3d(${x}px, 0, 0)`;
    for (const { glass } of this.rows.values()) glass.style.transform = `translate3d(${x}px, 0, 0)`;
  }

  describe(t, where) {
    this.scrub.setAttribute("aria-valuetext", fill(this.text.film_value, { percent: Math.round(100 * t), where }));
  }

  resize() {
    const width = this.scrub.clientWidth;
    if (!width) return;
    const most = Math.min(84, Math.max(48, SHARE * innerHeight)) - 8 * Math.min(2, Math.max(0, this.rows.size - 2));
    const wanted = width < 640 ? 46 : most;
    const count = Math.max(width < 640 ? 8 : FEWEST, Math.round(width / wanted));
    this.width = width;
    this.count = count;
    this.cell = width / count;
    this.left = this.scrub.getBoundingClientRect().left;
    this.element.style.setProperty("--cell", `${this.cell}px`);
    for (const row of this.rows.values()) this.fillRow(row);
    this.place(this.t);
    this.on.resized?.(this.cell);
  }

  listen() {
    const at = (event) => Math.min(1, Math.max(0, (event.clientX - this.left - this.cell / 2) / (this.width - this.cell)));
    this.scrub.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      this.scrub.setPointerCapture(event.pointerId);
      this.left = this.scrub.getBoundingClientRect().left;
      this.held = true;
      this.element.dataset.held = "true";
      this.on.hold(true);
      this.on.scrub(at(event), event.timeStamp);
    });
    this.scrub.addEventListener(MOVE, (event) => this.held && this.on.scrub(at(event), event.timeStamp));
    const let_go = () => {
      if (!this.held) return;
      this.held = false;
      this.element.dataset.held = "";
      this.on.hold(false);
    };
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) this.scrub.addEventListener(name, let_go);
  }
}

// The line a kind is drawn with on the map: its colour and its dashes, so that colour is never the only sign.
export const DASHES = [[6, 4], [], [1.5, 4], [11, 4], [11, 4, 1.5, 4], [3, 3]];

export function swatch(kind) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "mg-swatch");
  svg.setAttribute("viewBox", "0 0 30 10");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", "M2 5h26");
  line.setAttribute("stroke", `var(--mg-kind-${kind.colour % DASHES.length})`);
  line.setAttribute("stroke-dasharray", DASHES[kind.colour % DASHES.length].join(" "));
  svg.append(line);
  return svg;
}

// A distance as one reads it: 0.87, 3.1, 255.
export function tidy(distance) {
  return distance.toFixed(distance < 2 ? 2 : distance < 100 ? 1 : 0);
}
