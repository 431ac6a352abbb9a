// Loss curves: a small panel for each named loss, all over the same pictures seen; the held-out loss lies on the total.

import { element } from "./parts.js";

const COLOURS = ["#4477AA", "#EE7733", "#228833", "#AA3377", "#66CCEE", "#CCBB44", "#EE6677", "#44BB99"];

export class Curves {
  constructor(text) {
    this.text = text;
    this.lines = [];
    this.panels = new Map();
    this.element = element("div", "mg-curves", [], { role: "group", "aria-label": text.trn_losses });
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.element);
  }

  destroy() {
    this.observer.disconnect();
  }

  clear() {
    this.lines = [];
  }

  add(lines) {
    if (!lines.length) return;
    this.lines.push(...lines);
    for (const { losses } of lines) for (const name of Object.keys(losses)) if (!this.panels.has(name)) this.panel(name);
    this.draw();
  }

  panel(name) {
    const { text } = this;
    const value = element("b");
    const held = element("span", "mg-held");
    const canvas = element("canvas", "", [], { role: "img", "aria-label": `${text.trn_losses}: ${name}` });
    const said = text[`loss_${name}`] ?? name.replaceAll("_", " ");
    const figure = element("figure", "mg-curve", [element("figcaption", "", [element("span", "", [said]), held, value]), canvas], { "data-loss": name });
    this.panels.set(name, { figure, canvas, value, held, colour: COLOURS[this.panels.size % COLOURS.length] });
    const total = (key) => key === "total" || key.endsWith("_total");
    const order = [...this.panels.keys()].sort((a, b) => total(b) - total(a));
    this.element.replaceChildren(...order.map((key) => this.panels.get(key).figure));
  }

  // `until`: only what was seen up to there is drawn in full; the rest is faint.
  mark(until, budget) {
    Object.assign(this, { until, budget });
    this.draw();
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => {
      for (const [name, panel] of this.panels) this.paint(name, panel);
    });
  }

  paint(name, { canvas, value, held, colour }) {
    const ratio = Math.min(devicePixelRatio || 1, 2);
    const { clientWidth, clientHeight } = canvas;
    if (!clientWidth) return;
    canvas.width = clientWidth * ratio;
    canvas.height = clientHeight * ratio;
    const pen = canvas.getContext("2d");
    const known = this.lines.filter(({ losses }) => name in losses);
    const dots = name === "total" ? this.lines.filter((line) => line.held_out !== undefined) : [];
    const values = known.map(({ losses }) => losses[name]).concat(dots.map((line) => line.held_out));
    if (!values.length) return;
    const log = Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) > 6;
    const at = log ? Math.log : (v) => v;
    const sorted = [...values].map(at).sort((a, b) => a - b);
    const low = sorted[0];
    const high = Math.max(sorted[Math.floor(0.995 * (sorted.length - 1))], low + 1e-9 + Math.abs(low) * 1e-6);
    const until = this.until ?? Infinity;
    const budget = Math.max(this.budget ?? 0, known.at(-1)?.seen ?? 1);
    const x = (seen) => 2 * ratio + (canvas.width - 4 * ratio) * (seen / budget);
    const y = (v) => canvas.height - 4 * ratio - (canvas.height - 8 * ratio) * ((at(v) - low) / (high - low));
    pen.lineJoin = "round";
    for (const [part, alpha] of [[known, 0.25], [known.filter(({ seen }) => seen <= until), 1]]) {
      pen.globalAlpha = alpha;
      pen.strokeStyle = colour;
      pen.lineWidth = 1.8 * ratio;
      pen.beginPath();
      part.forEach(({ seen, losses }, i) => (i ? pen.lineTo(x(seen), y(losses[name])) : pen.moveTo(x(seen), y(losses[name]))));
      pen.stroke();
    }
    pen.globalAlpha = 1;
    pen.fillStyle = getComputedStyle(canvas).color;
    for (const line of dots) {
      if (line.seen > until) continue;
      pen.beginPath();
      pen.arc(x(line.seen), y(line.held_out), 2.6 * ratio, 0, 7);
      pen.fill();
    }
    const last = known.filter(({ seen }) => seen <= until).at(-1) ?? known[0];
    value.textContent = last ? tidy(last.losses[name]) : "";
    const dot = dots.filter(({ seen }) => seen <= until).at(-1);
    held.textContent = dot ? `● ${this.text.trn_held_out} ${tidy(dot.held_out)}` : "";
  }
}

export function tidy(value) {
  const size = Math.abs(value);
  return size >= 1000 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : size >= 0.1 ? value.toFixed(2) : value.toPrecision(2);
}
