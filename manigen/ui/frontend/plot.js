// A lesson's plot: layers of dots, lines, heat, bars and marks on one canvas. In three dimensions it turns under a drag;
// where the scene names a hand, a pointer or the arrow keys on it move two knobs.

import { PALETTE } from "./map.js";
import { element, isDark, MOVE } from "./parts.js";

const EVEN = [[43, 58, 143], [47, 127, 176], [53, 176, 165], [181, 213, 106], [253, 243, 160]];
const TWO_SIDED = [[51, 102, 204], [150, 180, 225], [246, 246, 246], [240, 170, 130], [204, 68, 17]];
const PAD = 16;

export class PlotView {
  // on: { hand(name => value, moment) as the pointer moves }
  constructor(on) {
    Object.assign(this, { on, yaw: 0.7, pitch: 0.42, panel: null });
    this.canvas = element("canvas", "mg-plot-canvas", [], { role: "img", tabindex: "0" });
    this.title = element("figcaption");
    this.legend = element("div", "mg-plot-legend");
    this.element = element("figure", "mg-plot-panel", [this.title, this.canvas, this.legend]);
    this.sizes = new ResizeObserver(() => this.draw());
    this.sizes.observe(this.canvas);
    this.listen();
  }

  show(panel, array) {
    this.panel = panel;
    this.array = array;
    this.solid = panel.layers.some((layer) => layer.p && (layer.p.shape ? layer.p.shape.at(-1) : layer.p.length) === 3);
    this.title.textContent = panel.title;
    this.canvas.setAttribute("aria-label", panel.alt);
    this.canvas.title = panel.alt;
    this.canvas.style.cursor = panel.hand ? "crosshair" : this.solid ? "grab" : "default";
    this.canvas.style.touchAction = panel.hand || this.solid ? "none" : "auto";
    this.element.classList.toggle("mg-tall", panel.tall);
    this.element.classList.toggle("mg-wide", !panel.square);
    this.layers = panel.layers.map((layer) => this.read(layer));
    this.write();
    this.draw();
  }

  // Its arrays out of the frame, as flat typed arrays.
  read(layer) {
    const made = { ...layer };
    for (const name of ["p", "group", "value", "values"]) if (layer[name]?.shape) made[name] = { ...layer[name], data: this.array(layer[name]) };
    if (layer.kind === "mark") made.p = { shape: [1, layer.p.length], data: Float32Array.from(layer.p) };
    return made;
  }

  write() {
    const named = this.layers.filter((layer) => layer.label && layer.kind !== "mark");
    this.legend.hidden = !named.length;
    this.legend.replaceChildren(...named.map((layer) => element("span", "", [
      element("i", layer.kind === "line" ? "mg-key-line" : "", [], { style: `--key:${this.colour(layer.colour)}` }), layer.label])));
  }

  colour(index, alpha = 1) {
    if (index < 0) return this.dark ? `rgba(190,197,210,${alpha})` : `rgba(84,92,108,${alpha})`;
    const hex = PALETTE[index % PALETTE.length];
    return alpha === 1 ? hex : `${hex}${Math.round(alpha * 255).toString(16).padStart(2, "0")}`;
  }

  // --- where things are -----------------------------------------------------------------------------------------------

  bounds() {
    const { low, high } = this.panel;
    if (low && high && !this.solid) return [low[0], low[1], high[0], high[1]];
    let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const layer of this.layers) {
      if (layer.kind === "heat") [x0, y0, x1, y1] = [Math.min(x0, layer.low[0]), Math.min(y0, layer.low[1]), Math.max(x1, layer.high[0]), Math.max(y1, layer.high[1])];
      if (!layer.p) continue;
      const { data, shape: [n, d] } = layer.p;
      for (let i = 0; i < n; i++) {
        x0 = Math.min(x0, data[i * d]);
        x1 = Math.max(x1, data[i * d]);
        y0 = Math.min(y0, data[i * d + 1]);
        y1 = Math.max(y1, data[i * d + 1]);
      }
    }
    const [w, h] = [(x1 - x0) || 1, (y1 - y0) || 1];
    return [x0 - w * 0.05, y0 - h * 0.06, x1 + w * 0.05, y1 + h * 0.06];
  }

  frame() {
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    const left = this.panel.y ? 58 : PAD, bottom = this.panel.x ? 46 : PAD;
    const box = { left, top: PAD, width: width - left - PAD, height: height - PAD - bottom };
    if (this.solid) return this.turned(box);
    let [x0, y0, x1, y1] = this.bounds();
    if (this.panel.square && this.panel.low && (this.panel.x || this.panel.y)) {
      // Axes keep their ends: the frame is as large as fits, one unit as long to the side as upwards.
      const unit = Math.max((x1 - x0) / box.width, (y1 - y0) / box.height);
      const [w, h] = [(x1 - x0) / unit, (y1 - y0) / unit];
      Object.assign(box, { left: box.left + (box.width - w) / 2, width: w, height: h });
    } else if (this.panel.square) {
      // One unit is as long to the side as upwards.
      const unit = Math.max((x1 - x0) / box.width, (y1 - y0) / box.height);
      const [cx, cy] = [(x0 + x1) / 2, (y0 + y1) / 2];
      [x0, x1] = [cx - (unit * box.width) / 2, cx + (unit * box.width) / 2];
      [y0, y1] = [cy - (unit * box.height) / 2, cy + (unit * box.height) / 2];
    }
    const [sx, sy] = [box.width / (x1 - x0), box.height / (y1 - y0)];
    return { box, x0, y0, x1, y1,
      place: (x, y) => [box.left + (x - x0) * sx, box.top + box.height - (y - y0) * sy, 0],
      back: (px, py) => [x0 + (px - box.left) / sx, y0 + (box.top + box.height - py) / sy] };
  }

  turned(box) {
    if (!this.middle || this.of !== this.panel.title) this.measure();
    const scale = (0.47 * Math.min(box.width, box.height * 1.15)) / this.radius;
    const [cy, sy, cp, sp] = [Math.cos(this.yaw), Math.sin(this.yaw), Math.cos(this.pitch), Math.sin(this.pitch)];
    const [mx, my, mz] = this.middle;
    const place = (x, y, z) => {
      [x, y, z] = [x - mx, y - my, z - mz];
      const [a, b] = [cy * x - sy * y, sy * x + cy * y];
      return [box.left + box.width / 2 + scale * a, box.top + box.height / 2 - scale * (cp * z - sp * b), cp * b + sp * z];
    };
    return { box, place, depth: this.radius };
  }

  measure() {
    this.of = this.panel.title;
    const sum = [0, 0, 0];
    let count = 0;
    const each = (act) => this.layers.forEach((layer) => {
      if (layer.p && layer.kind !== "mark") for (let i = 0; i < layer.p.shape[0]; i++) act(layer.p.data, 3 * i);
    });
    each((data, at) => { for (let k = 0; k < 3; k++) sum[k] += data[at + k]; count++; });
    this.middle = sum.map((value) => value / (count || 1));
    this.radius = 1e-6;
    each((data, at) => { this.radius = Math.max(this.radius, Math.hypot(...this.middle.map((m, k) => data[at + k] - m))); });
  }

  // --- drawing --------------------------------------------------------------------------------------------------------

  draw() {
    const { canvas } = this;
    if (!this.panel || !canvas.clientWidth) return;
    this.dark = isDark(this.element);
    const ratio = devicePixelRatio || 1;
    const [w, h] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
    if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, w, h);
    pen.lineJoin = pen.lineCap = "round";
    const font = getComputedStyle(canvas).fontFamily;
    this.letters = parseFloat(getComputedStyle(canvas).fontSize) * 0.86;
    pen.font = `${this.letters}px ${font}`;
    const frame = (this.framed = this.frame());
    for (const layer of this.layers) this[layer.kind]?.(pen, frame, layer);
    this.axes(pen, frame);
  }

  dots(pen, frame, layer) {
    const { data, shape: [n, d] } = layer.p;
    const alpha = layer.faint ? 0.28 : 0.75;
    const range = layer.value ? span(layer.value.data) : null;
    const order = frame.depth ? sorted(n, (i) => frame.place(data[i * d], data[i * d + 1], data[i * d + 2])[2]) : null;
    for (let k = 0; k < n; k++) {
      const i = order ? order[k] : k;
      const [x, y] = frame.place(data[i * d], data[i * d + 1], d > 2 ? data[i * d + 2] : 0);
      pen.fillStyle = layer.value ? ramp(EVEN, (layer.value.data[i] - range[0]) / (range[1] - range[0] || 1), alpha)
        : this.colour(layer.group ? layer.group.data[i] : layer.colour, alpha);
      pen.beginPath();
      pen.arc(x, y, layer.size, 0, 7);
      pen.fill();
    }
  }

  line(pen, frame, layer) {
    const { data, shape: [n, d] } = layer.p;
    pen.strokeStyle = this.colour(layer.colour, layer.colour < 0 ? 0.5 : 1);
    pen.lineWidth = layer.width;
    pen.setLineDash(layer.dashed ? [7, 6] : []);
    pen.beginPath();
    for (let i = 0; i < n; i++) {
      const [x, y] = frame.place(data[i * d], data[i * d + 1], d > 2 ? data[i * d + 2] : 0);
      i ? pen.lineTo(x, y) : pen.moveTo(x, y);
    }
    pen.stroke();
    pen.setLineDash([]);
  }

  heat(pen, frame, layer) {
    const { data, shape: [rows, columns] } = layer.values;
    let [low, high] = span(data);
    if (layer.signed) [low, high] = [-Math.max(-low, high), Math.max(-low, high)];
    const image = new ImageData(columns, rows);
    const table = layer.signed ? TWO_SIDED : EVEN;
    for (let i = 0; i < rows * columns; i++) {
      const [r, g, b] = mix(table, (data[i] - low) / (high - low || 1));
      const at = 4 * ((rows - 1 - Math.floor(i / columns)) * columns + (i % columns));
      image.data.set([r, g, b, 255], at);
    }
    const small = new OffscreenCanvas(columns, rows);
    small.getContext("2d").putImageData(image, 0, 0);
    const [x0, y1] = frame.place(layer.low[0], layer.low[1]);
    const [x1, y0] = frame.place(layer.high[0], layer.high[1]);
    pen.globalAlpha = 0.85;
    pen.imageSmoothingEnabled = !layer.crisp;
    pen.drawImage(small, x0, y0, x1 - x0, y1 - y0);
    pen.globalAlpha = 1;
  }

  bars(pen, frame, layer) {
    const { box } = frame;
    const values = layer.values.data;
    const most = Math.max(...values, 1e-9);
    const wide = box.width / values.length;
    const foot = box.top + box.height - this.letters * 1.6;
    pen.textAlign = "center";
    values.forEach((value, i) => {
      const tall = (value / most) * (foot - box.top - this.letters * 1.8);
      const x = box.left + (i + 0.5) * wide;
      pen.fillStyle = i === layer.ahead ? this.accent() : this.colour(-1, 0.45);
      pen.beginPath();
      pen.roundRect(x - wide * 0.36, foot - tall, wide * 0.72, tall, [6, 6, 0, 0]);
      pen.fill();
      pen.fillStyle = this.ink();
      pen.fillText(`${tidy(value)}${layer.unit}`, x, foot - tall - 6, wide * 0.98);
      pen.fillText(layer.names[i], x, foot + this.letters * 1.35, wide * 0.98);
    });
    pen.textAlign = "start";
  }

  mark(pen, frame, layer) {
    const [x, y] = frame.place(...layer.p.data);
    pen.beginPath();
    pen.arc(x, y, 8, 0, 7);
    pen.fillStyle = this.colour(layer.colour);
    pen.fill();
    pen.lineWidth = 2.5;
    pen.strokeStyle = this.dark ? "#111318" : "#fff";
    pen.stroke();
    if (!layer.label) return;
    const right = x > this.canvas.clientWidth * 0.62;
    pen.textAlign = right ? "end" : "start";
    pen.lineWidth = 4;
    const at = [x + (right ? -14 : 14), y + this.letters * 0.35];
    pen.strokeText(layer.label, ...at);
    pen.fillStyle = this.ink();
    pen.fillText(layer.label, ...at);
    pen.textAlign = "start";
  }

  axes(pen, frame) {
    const { box } = frame;
    if (!this.panel.x && !this.panel.y) return;
    pen.strokeStyle = this.colour(-1, 0.5);
    pen.lineWidth = 1;
    pen.strokeRect(box.left, box.top, box.width, box.height);
    pen.fillStyle = this.ink();
    if (this.panel.x) {
      pen.textAlign = "center";
      pen.fillText(this.panel.x, box.left + box.width / 2, box.top + box.height + this.letters * 2.4);
      if (frame.x0 !== undefined) {
        pen.textAlign = "start";
        pen.fillText(tidy(frame.x0), box.left, box.top + box.height + this.letters * 1.3);
        pen.textAlign = "end";
        pen.fillText(tidy(frame.x1), box.left + box.width, box.top + box.height + this.letters * 1.3);
      }
    }
    if (this.panel.y) {
      pen.textAlign = "end";
      if (frame.y0 !== undefined) {
        pen.fillText(tidy(frame.y1), box.left - 6, box.top + this.letters);
        pen.fillText(tidy(frame.y0), box.left - 6, box.top + box.height);
      }
      pen.save();
      pen.translate(box.left - 58 + this.letters * 1.1, box.top + box.height / 2);
      pen.rotate(-Math.PI / 2);
      pen.textAlign = "center";
      pen.fillText(this.panel.y, 0, 0);
      pen.restore();
    }
    pen.textAlign = "start";
  }

  ink() {
    return this.dark ? "#eceef3" : "#1b1d22";
  }

  accent() {
    return getComputedStyle(this.canvas).getPropertyValue("--st-primary-color").trim() || "#4F46C8";
  }

  // --- the hand -------------------------------------------------------------------------------------------------------

  listen() {
    const { canvas } = this;
    let from = null;
    const hand = (event) => {
      const { left, top } = canvas.getBoundingClientRect();
      const [x, y] = this.framed.back(event.clientX - left, event.clientY - top);
      this.on.hand(this.panel.hand, [x, y], event.timeStamp);
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button || !this.panel) return;
      canvas.setPointerCapture(event.pointerId);
      from = [event.clientX, event.clientY];
      if (this.panel.hand) hand(event);
    });
    canvas.addEventListener(MOVE, (event) => {
      if (!this.panel) return;
      if (this.panel.hand && (from || event.pointerType === "mouse")) hand(event);
      else if (this.solid && from) {
        this.yaw += (event.clientX - from[0]) * 0.01;
        this.pitch = Math.max(-1.5, Math.min(1.5, this.pitch + (event.clientY - from[1]) * 0.01));
        from = [event.clientX, event.clientY];
        requestAnimationFrame(() => this.draw());
      }
    });
    for (const over of ["pointerup", "pointercancel"]) canvas.addEventListener(over, () => (from = null));
    canvas.addEventListener("keydown", (event) => {
      const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
      const move = moves[event.key];
      if (!move || !this.panel || (!this.panel.hand && !this.solid)) return;
      event.preventDefault();
      event.stopPropagation();
      if (this.panel.hand) this.on.step(this.panel.hand, move, event.timeStamp);
      else {
        this.yaw += 0.12 * move[0];
        this.pitch += 0.12 * move[1];
        this.draw();
      }
    });
  }

  destroy() {
    this.sizes.disconnect();
  }
}

function sorted(n, depth) {
  const depths = Float32Array.from({ length: n }, (_, i) => depth(i));
  return Uint32Array.from({ length: n }, (_, i) => i).sort((a, b) => depths[b] - depths[a]);
}

function span(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) if (Number.isFinite(value)) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return [low, high];
}

function mix(table, share) {
  const at = Math.max(0, Math.min(0.9999, share || 0)) * (table.length - 1);
  const [a, b, t] = [table[Math.floor(at)], table[Math.floor(at) + 1], at % 1];
  return a.map((value, i) => value + t * (b[i] - value));
}

function ramp(table, share, alpha) {
  return `rgba(${mix(table, share).map(Math.round).join(",")},${alpha})`;
}

export function tidy(value) {
  const size = Math.abs(value);
  return Number(value).toFixed(size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 3);
}
