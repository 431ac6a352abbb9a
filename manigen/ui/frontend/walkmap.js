// The map of a walk: each kind's path in its own line, a bead that moves along it, and the ends as numbers to drag.

import { DASHES } from "./film.js";
import { between, loadColumns, MapView } from "./map.js";
import { element, fill, icon } from "./parts.js";
import { draw } from "./picture.js";

const REACH = 20; // px around an end in which it can be grabbed
const STILL = 450; // ms after the last arrow key, when an end is put down
const TWICE = 500; // ms between the clicks of a double click, at most
const LEAP = 0.06; // of the map's diagonal: a longer step is a tear in the map, not a way across it

export class WalkMap {
  // on: { add(code), back() when that was one half of a double click, drag(i, place), drop(i, code), visit(i), say(sentence), heat(on) }
  constructor(text, live, on) {
    Object.assign(this, { text, live, on, paths: new Map(), beads: new Map(), handles: [], ends: [], kinds: [], clicks: [] });
    const tool = (name, label, act) => element("button", "", [icon(name)], { type: "button", title: label, "aria-label": label, onclick: act });
    this.tools = element("div", "mg-tools", [
      tool("closer", text.closer, () => this.view.zoom(0.7)),
      tool("farther", text.farther, () => this.view.zoom(1 / 0.7)),
      tool("reset", text.reset, () => this.view.reset()),
    ], { role: "toolbar", "aria-label": text.tools });
    this.hot = tool("heat", text.heat, () => {
      this.setHeat(!this.heat);
      this.on.heat(Boolean(this.heat));
    });
    this.hot.setAttribute("aria-pressed", "false");
    this.tools.prepend(this.hot);
    this.key = element("div", "mg-torn mg-hot", [text.low_stretch, element("i"), text.high_stretch], { hidden: "", title: text.heat_help });
    this.torn = element("div", "mg-torn", [element("i"), text.walk_torn], { hidden: "", title: text.walk_torn_help });
    this.invented = element("div", "mg-torn mg-invented", [element("i"), text.walk_bridge], { hidden: "", title: text.walk_bridge_help });
    this.beyond = element("div", "mg-torn mg-onward", [element("i"), text.walk_beyond], { hidden: "", title: text.walk_beyond_help });
    this.lens = element("canvas", "mg-picture", [], { "aria-hidden": "true" });
    this.loupe = element("div", "mg-loupe", [element("figure", "", [this.lens])], { hidden: "" });
    this.marks = element("div", "mg-marks");
    this.field = element("div", "mg-map", [], { role: "group", "aria-label": text.walk_map_label });
    this.view = new MapView(this.field, {
      hover: (place, pixel, moment, pressed) => this.hover(place, pixel, pressed),
      leave: () => this.leave(),
      pin: (place, pixel) => this.click(place, pixel),
      grab: (place, pixel) => this.grab(pixel),
      drag: (place, pixel) => this.drag(place, pixel),
      drop: (still) => this.drop(still),
      moved: () => this.redraw(),
    });
    this.field.append(this.marks, this.loupe, this.tools, element("div", "mg-signs", [this.key, this.beyond, this.invented, this.torn]));
  }

  destroy() {
    this.view.destroy();
  }

  async update(data, dark) {
    const fresh = data.mapUrl !== this.url;
    const repaint = dark !== this.dark;
    Object.assign(this, { data, dark, url: data.mapUrl });
    if (fresh && this.heat) this.setHeat(true);
    if (fresh) {
      this.field.dataset.painted = "";
      const columns = await loadColumns(data.mapUrl);
      if (this.url !== data.mapUrl) return; // another map was chosen meanwhile
      this.columns = columns;
    }
    if ((fresh || repaint) && this.columns)
      await this.view.show(this.columns, { plotlyUrl: data.plotlyUrl, colourBy: "label", classes: data.classes, dark });
  }

  // --- what is drawn on it ----------------------------------------------------------------------------------------------

  setKinds(kinds) {
    this.kinds = kinds;
    for (const name of [...this.paths.keys()]) if (!kinds.some((kind) => kind.name === name)) this.paths.delete(name);
    this.beads = new Map(kinds.map((kind) => [kind.name,
      element("i", "mg-bead", [], { hidden: "", style: `--mg-kind: var(--mg-kind-${kind.colour % DASHES.length})` })]));
    this.mark();
  }

  // Of a walk its places `at`, the numbers of the steps that lie on a road no data show (`bridges`), how many of its
  // steps lie `past` either end; a `coarse` sketch is drawn thinner.
  setPath(name, walk) {
    this.paths.set(name, walk ? { sketch: walk.coarse, places: walk.at, leaps: leaps(walk.at, this.view.box),
      bridges: new Set(walk.bridges), past: walk.past } : null);
    this.redraw();
  }

  // Where the ends lie; the one in the hand stays there.
  setEnds(places) {
    const count = this.ends.length;
    this.ends = places.map((place, i) => (i === this.held ? this.ends[i] : place));
    if (places.length !== count) this.mark();
    else this.redraw();
  }

  mark() {
    this.handles = this.ends.map((_, i) => {
      const handle = element("button", "mg-handle", [String(i + 1)], { type: "button", "aria-label": fill(this.text.end_handle, { n: i + 1 }) });
      handle.addEventListener("keydown", (event) => this.key(event, i));
      handle.addEventListener("click", () => this.on.visit(i));
      return handle;
    });
    this.marks.replaceChildren(...this.beads.values(), ...this.handles);
    this.redraw();
  }

  redraw() {
    const pen = this.view?.overlay.getContext("2d");
    if (!pen || !this.columns) return;
    pen.clearRect(0, 0, ...this.view.size());
    pen.lineJoin = pen.lineCap = "round";
    if (this.heat?.image) this.drawHeat(pen);
    for (const kind of this.kinds) this.stroke(pen, kind, true);
    for (const kind of this.kinds) this.stroke(pen, kind, false);
    this.beyond.hidden = ![...this.paths.values()].some((path) => path?.past);
    this.invented.hidden = ![...this.paths.values()].some((path) => path?.bridges.size);
    this.torn.hidden = ![...this.paths.values()].some((path) => path?.leaps.includes(true));
    this.handles.forEach((handle, i) => this.put(handle, this.ends[i]));
    this.place(this.t ?? 0.5);
  }

  // How much the picture changes for a step at each place, under the paths: hills that a geodesic goes around.
  async setHeat(on) {
    this.heat = on ? { url: this.data.stretchUrl } : null;
    this.hot.setAttribute("aria-pressed", String(on));
    this.key.hidden = true;
    this.redraw();
    if (!on) return;
    this.on.say(this.text.stretch_waiting);
    const { url } = this.heat;
    try {
      const response = await fetch(url);
      const found = await response.json();
      if (this.heat?.url !== url) return;
      if (!response.ok) throw new Error(found.error);
      this.heat = { url, ...found, image: heatOf(found.cells) };
      this.key.hidden = false;
    } catch (problem) {
      if (this.heat?.url !== url) return;
      this.setHeat(false);
      this.on.say(problem.message);
    }
    this.redraw();
  }

  drawHeat(pen) {
    const { image, low, cell } = this.heat;
    const [left, bottom] = this.view.toPixel(low);
    const [right, top] = this.view.toPixel([low[0] + image.width * cell, low[1] + image.height * cell]);
    pen.globalAlpha = 0.72;
    pen.imageSmoothingEnabled = true;
    pen.drawImage(image, left, top, right - left, bottom - top);
    pen.globalAlpha = 1;
  }

  // One path: first a casing in the map's own ground, so that it stands out from the points, then its line.
  stroke(pen, kind, casing) {
    const path = this.paths.get(kind.name);
    if (!path) return;
    const style = getComputedStyle(this.field);
    const dashes = DASHES[kind.colour % DASHES.length];
    const pixels = path.places.map((place) => this.view.toPixel(place));
    const way = (i) => (path.leaps[i] ? "leap" : i <= path.past || i >= pixels.length - path.past ? "beyond" : path.bridges.has(i - 1) ? "bridge" : "road");
    const line = (sort) => {
      pen.beginPath();
      for (let i = 1; i < pixels.length; i++) {
        if (way(i) !== sort) continue;
        if (i === 1 || way(i - 1) !== sort) pen.moveTo(...pixels[i - 1]);
        pen.lineTo(...pixels[i]);
      }
    };
    pen.strokeStyle = casing ? style.getPropertyValue("--st-background-color") : style.getPropertyValue(`--mg-kind-${kind.colour % DASHES.length}`);
    pen.setLineDash(casing ? [] : dashes);
    pen.lineWidth = (casing ? 7 : 3.2) * (path.sketch ? 0.6 : 1);
    pen.globalAlpha = (casing ? 0.75 : 1) * (path.sketch ? 0.7 : 1);
    line("road");
    pen.stroke();
    if (!casing) { // invented roads: thin and dashed
      pen.setLineDash([5, 6]);
      pen.lineWidth = 2;
    }
    line("bridge");
    pen.stroke();
    if (!casing) { // past the ends: dots
      pen.setLineDash([0.5, 5]);
      pen.lineWidth = 3;
    }
    line("beyond");
    pen.stroke();
    if (!casing) { // tears: a hair, so that the eye can follow, and no more
      pen.setLineDash([1, 5]);
      pen.lineWidth = 1.6;
      pen.globalAlpha = 0.8;
      line("leap");
      pen.stroke();
    }
    pen.globalAlpha = 1;
    pen.setLineDash([]);
  }

  // Move every bead to t.
  place(t) {
    this.t = t;
    for (const [name, bead] of this.beads) {
      const path = this.paths.get(name);
      bead.hidden = !path;
      if (path) this.put(bead, along(path, t));
    }
  }

  put(mark, place) {
    mark.hidden = !place || !this.columns;
    if (mark.hidden) return;
    const [x, y] = this.view.toPixel(place);
    mark.style.transform = `translate3d(${x}px, ${y}px, 0)`;
  }

  // --- hands ------------------------------------------------------------------------------------------------------------

  near(pixel) {
    let best = -1;
    let nearest = REACH;
    this.ends.forEach((place, i) => {
      if (!place) return;
      const [x, y] = this.view.toPixel(place);
      const off = Math.hypot(x - pixel[0], y - pixel[1]);
      if (off < nearest) [nearest, best] = [off, i];
    });
    return best;
  }

  grab(pixel) {
    const i = this.near(pixel);
    if (i < 0) return false;
    this.held = i;
    this.moved = false;
    this.field.classList.add("mg-grabbing");
    return true;
  }

  drag(place, pixel) {
    if (this.held === undefined) return;
    this.moved = true;
    this.ends[this.held] = place;
    this.put(this.handles[this.held], place);
    this.moveLoupe(pixel);
    this.on.drag(this.held, place);
  }

  drop() {
    if (this.held === undefined) return false;
    const i = this.held;
    this.held = undefined;
    this.field.classList.remove("mg-grabbing");
    this.leave();
    if (this.moved) this.code(this.ends[i], (code) => this.on.drop(i, code));
    else this.on.visit(i);
    return true;
  }

  // An end moved by arrow keys: shown at once, put down when the keys rest.
  key(event, i) {
    const step = event.shiftKey ? 40 : 8;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (!moves[event.key] || !this.ends[i]) return;
    event.preventDefault();
    event.stopPropagation();
    const [x, y] = this.view.toPixel(this.ends[i]);
    this.ends[i] = this.view.toPlace([x + moves[event.key][0], y + moves[event.key][1]]);
    this.held = i;
    this.put(this.handles[i], this.ends[i]);
    this.on.drag(i, this.ends[i]);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.held = undefined;
      this.code(this.ends[i], (code) => this.on.drop(i, code));
    }, STILL);
  }

  // The picture that a click would add.
  hover(place, pixel, pressed) {
    if (this.held !== undefined) return;
    const over = this.near(pixel) >= 0;
    this.field.classList.toggle("mg-over", over);
    if (over || pressed || matchMedia("(hover: none)").matches) return this.leave();
    this.moveLoupe(pixel);
    const { model, map } = this.data;
    this.live.ask("hover", { op: "hover", model, map, at: place, k: 0, thumbs: false }, (reply) => {
      if (!reply.error && this.held === undefined) this.showLoupe((canvas) => draw(canvas, reply, 0), reply.header.level);
    });
  }

  leave() {
    this.loupe.hidden = true;
  }

  moveLoupe([x, y]) {
    const [width, height] = this.view.size();
    this.loupe.hidden = false;
    this.loupe.style.transform = `translate3d(${x}px, ${y}px, 0)`;
    this.loupe.classList.toggle("mg-left", x > width - 130);
    this.loupe.classList.toggle("mg-up", y > height - 130);
  }

  showLoupe(paint, level) {
    paint(this.lens);
    this.loupe.dataset.level = level;
  }

  // A click adds an end; a double click shows the whole map, so it takes back what its first half has added. (The
  // browser's own dblclick goes to Plotly's cover.)
  click(place, pixel) {
    const now = performance.now();
    this.clicks = this.clicks.filter((click) => now - click.now < TWICE);
    const twice = this.clicks.some((click) => Math.hypot(pixel[0] - click.pixel[0], pixel[1] - click.pixel[1]) < 8);
    if (twice) return this.unclick();
    const click = { now, pixel };
    this.clicks.push(click);
    this.code(place, (code) => {
      if (click.undone) return;
      click.added = true;
      this.on.add(code);
    });
  }

  unclick() {
    this.view.reset();
    for (const click of this.clicks) {
      click.undone = true;
      if (click.added) this.on.back();
    }
    this.clicks = [];
  }

  // The code behind a place.
  code(place, then) {
    const { model, map } = this.data;
    this.live.ask("place", { op: "hover", model, map, at: place, k: 0, thumbs: false, want_code: true }, (reply) =>
      reply.error ? this.on.say(reply.error) : then(reply.header.code));
  }
}

// The cells [column, row, log magnification, ...] as a picture of one pixel each, those without a value clear.
function heatOf(cells) {
  const canvas = document.createElement("canvas");
  canvas.width = 1 + Math.max(...cells.map(([column]) => column));
  canvas.height = 1 + Math.max(...cells.map(([, row]) => row));
  const pen = canvas.getContext("2d");
  const sorted = cells.map(([, , value]) => value).sort((a, b) => a - b);
  const [low, high] = [0.02, 0.98].map((share) => sorted[Math.round(share * (sorted.length - 1))]);
  for (const [column, row, value] of cells) {
    const share = Math.min(1, Math.max(0, (value - low) / (high - low || 1)));
    pen.fillStyle = `rgb(${between(share).map(Math.round).join()})`;
    pen.fillRect(column, canvas.height - 1 - row, 1, 1);
  }
  return canvas;
}

// Which steps of a path are leaps: [i] is true where the step from i - 1 to i is far longer than the others, and far.
function leaps(places, box) {
  const far = box ? LEAP * Math.hypot(box.x1 - box.x0, box.y1 - box.y0) : Infinity;
  const lengths = places.map((place, i) => (i ? Math.hypot(place[0] - places[i - 1][0], place[1] - places[i - 1][1]) : 0));
  const middle = [...lengths].sort((a, b) => a - b)[lengths.length >> 1];
  return lengths.map((length) => length > far && length > 6 * middle);
}

function along({ places, leaps: torn, past }, t) {
  const at = Math.min(places.length - 1, Math.max(0, past + t * (places.length - 1 - 2 * past)));
  const i = Math.min(places.length - 2, Math.floor(at));
  if (torn[i + 1]) return places[Math.round(at)];
  const [a, b] = [places[i], places[i + 1]];
  return [a[0] + (at - i) * (b[0] - a[0]), a[1] + (at - i) * (b[1] - a[1])];
}
