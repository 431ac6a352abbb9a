// The film: a strip of frames for each kind of path, one above the other; together they are one slider.

import { element, fill, MOVE, said } from "./parts.js";

const SHARE = 0.072; // of the screen's height that a frame is about wide: two kinds leave room for stage and map
const FEWEST = 16; // frames of a strip, where the screen has room for them
const NUMBERS = ["length", "energy", "evenness", "farthest", "held", "fog", "search"];

export class Film {
  // on: { scrub(t, moment), hold(held), key(event) }
  constructor(text, on) {
    Object.assign(this, { text, on, rows: new Map(), t: 0, sayings: {}, beyond: 0 });
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
    const profile = element("canvas", "mg-profile", [], { title: text.walk_profile, role: "img", "aria-label": text.walk_profile });
    const note = element("span", "mg-note", [kind.sentence], { title: kind.sentence });
    const values = {};
    const ruler = element("div", "mg-by", [], { hidden: "" });
    const numbers = element("dl", "mg-worth", [ruler]);
    for (const key of NUMBERS) {
      values[key] = element("dd", "", ["–"]);
      numbers.append(element("div", "", [element("dt", "", [text[`walk_${key}`]]), values[key]], { title: text[`walk_${key}_help`], "data-of": key }));
    }
    const own = kind.own ? [element("span", "mg-own", [text.walk_own], { title: kind.own, tabindex: "0" })] : [];
    const made = element("div", "mg-row", [
      element("div", "mg-row-head", [swatch(kind), element("b", "", [kind.title]), ...own, note]),
      element("div", "mg-track", [strip, element("i", "mg-brink"), element("i", "mg-brink mg-brink-end"), glass]), profile, numbers], { "data-kind": kind.name, "data-empty": "true" });
    return { kind, element: made, strip, glass, lens, note, values, ruler, profile, frames: [] };
  }

  // By what each search measures lengths, where that is not pixels, as the numbers are.
  setRulers(kinds) {
    const { text } = this;
    for (const { name, ruler: by } of kinds) {
      const { ruler } = this.rows.get(name);
      ruler.hidden = !by;
      ruler.title = by ? fill(text.walk_ruler_help, { by }) : "";
      ruler.replaceChildren(...(by ? [element("dt", "", [fill(text.walk_ruler, { by })])] : []));
    }
  }

  // By which share of its length a walk goes on past either end: t runs from -beyond to 1 + beyond.
  setBeyond(beyond) {
    this.beyond = beyond;
    this.scrub.setAttribute("aria-valuemin", Math.round(-100 * beyond));
    this.scrub.setAttribute("aria-valuemax", Math.round(100 + 100 * beyond));
    this.element.dataset.beyond = String(beyond > 0);
    this.element.style.setProperty("--start", this.share(0));
    this.element.style.setProperty("--stop", this.share(1));
    for (const row of this.rows.values()) this.fillRow(row);
    this.place(this.t);
  }

  // Where along the strip t lies, in [0, 1], and back.
  share(t) {
    return (t + this.beyond) / (1 + 2 * this.beyond);
  }

  position(share) {
    return share * (1 + 2 * this.beyond) - this.beyond;
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
    row.frames.forEach((canvas, i) => {
      const t = this.position(i / (this.count - 1));
      canvas.classList.toggle("mg-beyond", t < -1e-9 || t > 1 + 1e-9);
      row.paint?.(canvas, t);
    });
  }

  setWorth(name, worth) {
    const row = this.rows.get(name);
    row.element.dataset.sketch = String(worth.coarse);
    const { values } = row;
    const { text } = this;
    row.worth = worth;
    if (name === "straight") this.straight = { length: worth.length, farthest: farthest(worth) };
    else if (worth.straight) this.straight = worth.straight;
    values.length.textContent = worth.length.toFixed(1);
    values.energy.textContent = tidy(worth.energy);
    values.evenness.textContent = fill(text.walk_percent, { value: (100 * worth.evenness).toFixed(0) });
    values.farthest.textContent = fill(text.times, { value: tidy(farthest(worth)) });
    const held = worth.held_out && mean(worth.held_out);
    values.held.textContent = !held ? "–" : worth.floor ? fill(text.walk_held_value, { value: tidy(held), floor: tidy(worth.floor) }) : tidy(held);
    values.fog.textContent = worth.fog ? mean(worth.fog).toFixed(3) : "–";
    values.search.textContent = worth.coarse ? text.walk_refining : ended(worth, text);
    values.search.dataset.level = worth.converged || worth.coarse ? "" : "edge";
    values.search.title = worth.converged || worth.residual === null ? text.walk_search_help
      : fill(text.walk_stopped_help, { residual: share(worth.residual) });
    for (const other of this.rows.values()) if (other.worth) this.explain(other);
    this.drawProfiles();
  }

  // Why this walk is longer or shorter than the straight line, with the numbers; what the search had to note goes first.
  explain({ kind, note, worth }) {
    const { text } = this;
    const { straight } = this;
    let words = kind.sentence;
    if (straight && kind.name !== "straight" && straight.length > 0) {
      const more = 100 * (worth.length / straight.length - 1);
      const [own, other] = [farthest(worth), straight.farthest];
      const key = Math.abs(more) < 2 ? "walk_alike" : more < 0 ? "walk_shorter" : own < other ? "walk_longer" : "walk_longer_still";
      words = fill(text[key], { more: Math.abs(more).toFixed(0), less: Math.abs(more).toFixed(0), own: tidy(own), other: tidy(other) });
    }
    if (worth.coarse) words = worth.kept ? text.walk_kept : text.walk_sketch;
    note.textContent = [...(worth.coarse ? [] : worth.notes.map((one) => said(one, this.sayings))), words].join(" ");
    note.title = `${note.textContent} ${words === kind.sentence ? "" : kind.sentence}`;
    note.dataset.level = worth.notes.length && !worth.coarse ? "edge" : "";
  }

  // Under each strip, in step with it: how far from data the walk is, and how fast the picture changes; one scale for all.
  drawProfiles() {
    const told = [...this.rows.values()].filter(({ worth }) => worth);
    const highest = Math.max(1.25, ...told.map(({ worth }) => Math.max(...worth.distance.map((far) => far ?? 0))));
    const speeds = told.map(({ worth }) => worth.picture_steps.map((step) => step * worth.picture_steps.length));
    const fastest = Math.max(1e-9, ...speeds.map((steps) => Math.max(...steps)));
    told.forEach(({ profile, worth, element: host }, i) => {
      const scale = devicePixelRatio || 1;
      const [width, height] = [profile.clientWidth, profile.clientHeight];
      if (!width) return;
      profile.width = width * scale;
      profile.height = height * scale;
      const pen = profile.getContext("2d");
      pen.scale(scale, scale);
      const style = getComputedStyle(host);
      const colour = style.getPropertyValue(`--mg-kind-${this.rows.get(host.dataset.kind).kind.colour % DASHES.length}`);
      const x = (share) => this.cell / 2 + share * (width - this.cell);
      const y = (far) => height - 1 - ((height - 4) * far) / highest;
      const last = worth.distance.length - 1;
      pen.beginPath();
      pen.moveTo(x(0), height);
      worth.distance.forEach((far, at) => pen.lineTo(x(at / last), y(far ?? 0)));
      pen.lineTo(x(1), height);
      pen.fillStyle = colour;
      pen.globalAlpha = 0.22;
      pen.fill();
      pen.globalAlpha = 0.5;
      pen.setLineDash([2, 4]);
      pen.strokeStyle = style.color;
      pen.beginPath();
      pen.moveTo(x(0), y(1));
      pen.lineTo(x(1), y(1));
      pen.stroke();
      pen.setLineDash([]);
      if (worth.held_out && worth.floor) { // from held-out pictures: the dashed line is the floor
        pen.strokeStyle = colour;
        pen.lineWidth = 1.2;
        pen.setLineDash([4, 3]);
        pen.beginPath();
        worth.held_out.forEach((far, at) => pen.lineTo(x(this.share(at / (worth.held_out.length - 1))), y(Math.min(highest, far / worth.floor))));
        pen.stroke();
        pen.setLineDash([]);
      }
      pen.globalAlpha = 0.95;
      pen.lineWidth = 1.6;
      pen.strokeStyle = colour;
      pen.beginPath();
      speeds[i].forEach((speed, at) => pen.lineTo(x((at + 0.5) / speeds[i].length), height - 2 - ((height - 5) * speed) / fastest));
      pen.stroke();
    });
  }

  // A sentence instead of the card's own: that a search runs, or why it failed; with what may be done about it.
  // The button for that stays the same one as the words change, so that it can be pressed.
  say(name, sentence, level = "", action = null) {
    const { note } = this.rows.get(name);
    const button = action && note.querySelector("button");
    if (button) {
      note.firstChild.textContent = `${sentence} `;
      button.onclick = action[1];
    } else {
      note.textContent = action ? `${sentence} ` : sentence;
      if (action) note.append(element("button", "mg-link", [action[0]], { type: "button", onclick: action[1] }));
    }
    note.title = sentence;
    note.dataset.level = level;
  }

  // The search was stopped before it had anything better than the sketch.
  keepSketch(name) {
    const row = this.rows.get(name);
    row.worth.kept = true;
    row.element.dataset.sketch = "false";
    row.values.search.textContent = this.text.walk_stopped;
    row.values.search.dataset.level = "edge";
    this.explain(row);
  }

  // --- where it is ----------------------------------------------------------------------------------------------------

  // Only transforms and the number for screen readers are touched here: nothing is laid out under a moving hand.
  place(t) {
    this.t = t;
    const percent = Math.round(100 * t);
    if (percent !== this.percent) this.scrub.setAttribute("aria-valuenow", (this.percent = percent));
    const x = this.cell / 2 + this.share(t) * (this.width - this.cell);
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
    this.drawProfiles();
    this.place(this.t);
    this.on.resized?.(this.cell);
  }

  listen() {
    const at = (event) => this.position(Math.min(1, Math.max(0, (event.clientX - this.left - this.cell / 2) / (this.width - this.cell))));
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
export const DASHES = [[6, 4], [], [1.5, 4], [11, 4], [11, 4, 1.5, 4], [3, 3], [8, 3, 2, 3, 2, 3]];

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

// How a search ended, with its residual in per cent; what needs none is exact.
function ended({ converged, residual }, text) {
  const state = converged ? text.walk_converged : text.walk_stopped;
  if (residual === null) return converged ? text.walk_exact : state;
  return fill(text.walk_residual, { state, residual: share(residual) });
}

function share(residual) {
  return residual > 0 && residual < 1e-4 ? "< 0.01" : (100 * residual).toFixed(residual < 0.1 ? 2 : 0);
}

// The largest distance to data between the ends.
function farthest({ distance, past }) {
  return Math.max(...distance.slice(past, distance.length - past));
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

// A distance as one reads it: 0.87, 3.1, 255.
export function tidy(distance) {
  return distance.toFixed(distance < 2 ? 2 : distance < 100 ? 1 : 0);
}
