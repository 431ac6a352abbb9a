// The map as it forms: points of the same pictures, look after look, moving on straight lines between two looks.

import { element } from "./parts.js";
import { PALETTE } from "./map.js";

const GLIDE = 650; // ms that points take to where the next look has them
const ROOM = 1.12; // how much of the farthest 99 % the field holds

export class Forming {
  constructor(text) {
    this.canvas = element("canvas", "", [], { role: "img", "aria-label": text.trn_map_label });
    this.legend = element("div", "mg-legend", [], { role: "group", "aria-label": text.legend });
    this.empty = element("p", "mg-formnone", [], { hidden: "" });
    this.element = element("div", "mg-forming", [this.canvas, this.legend, this.empty]);
    this.hidden = new Set();
    this.scale = 1;
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.element);
  }

  destroy() {
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
  }

  setLabels(labels, classes, text) {
    this.labels = labels;
    const there = [...new Set(labels)].filter((label) => label >= 0).sort((a, b) => a - b).slice(0, PALETTE.length);
    this.legend.replaceChildren(...there.map((label) => {
      const chip = element("button", "mg-chip", [element("b", "", [], { style: `background:${PALETTE[label % PALETTE.length]}` }), classes[label] ?? String(label)],
        { type: "button", "aria-pressed": "true", title: text.legend_help });
      chip.addEventListener("click", () => {
        if (this.hidden.has(label)) this.hidden.delete(label);
        else this.hidden.add(label);
        chip.setAttribute("aria-pressed", String(!this.hidden.has(label)));
        this.draw();
      });
      return chip;
    }));
  }

  none(sentence) {
    this.empty.textContent = sentence;
    this.empty.hidden = !sentence;
  }

  // Glide, or jump, to the points (n x 2) of a look.
  show(points, glide = true) {
    cancelAnimationFrame(this.frame);
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const from = this.now && this.now.length === points.length ? this.now : points;
    const started = performance.now();
    const size = reach(points);
    const before = this.size ?? size;
    const step = () => {
      const t = !glide || calm || from === points ? 1 : Math.min(1, (performance.now() - started) / GLIDE);
      const s = t * t * (3 - 2 * t);
      this.size = before + (size - before) * s;
      if (t >= 1) this.now = points;
      else {
        this.now = new Float32Array(points.length);
        for (let i = 0; i < points.length; i++) this.now[i] = from[i] + (points[i] - from[i]) * s;
      }
      this.draw();
      if (t < 1) this.frame = requestAnimationFrame(step);
      else this.element.dataset.settled = String(++this.settles || (this.settles = 1));
    };
    step();
  }

  resize() {
    const ratio = Math.min(devicePixelRatio || 1, 2);
    const { clientWidth: width, clientHeight: height } = this.element;
    if (!width || !height) return;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.draw();
  }

  draw() {
    const pen = this.canvas.getContext("2d");
    const { width, height } = this.canvas;
    pen.clearRect(0, 0, width, height);
    if (!this.now) return;
    const ratio = Math.min(devicePixelRatio || 1, 2);
    const foot = this.legend.offsetHeight * ratio;
    const unit = Math.min(width, height - foot) / (2 * this.size * ROOM);
    const radius = Math.max(1.6, Math.min(3.4, 90 / Math.sqrt(this.now.length))) * ratio;
    pen.globalAlpha = 0.78;
    for (let i = 0; i < this.now.length / 2; i++) {
      const label = this.labels?.[i] ?? -1;
      if (this.hidden.has(label)) continue;
      pen.fillStyle = label < 0 ? (this.dark ? "#9db0d8" : "#5b76b5") : PALETTE[label % PALETTE.length];
      pen.beginPath();
      pen.arc(width / 2 + this.now[2 * i] * unit, (height - foot) / 2 - this.now[2 * i + 1] * unit, radius, 0, 7);
      pen.fill();
    }
    pen.globalAlpha = 1;
  }
}

// How far the points reach, the farthest hundredth left out.
function reach(points) {
  const far = [];
  for (let i = 0; i < points.length; i += 2) far.push(Math.max(Math.abs(points[i]), Math.abs(points[i + 1])));
  far.sort((a, b) => a - b);
  return Math.max(1e-6, far[Math.floor(0.99 * (far.length - 1))] ?? 1);
}
