// The map: a Plotly scattergl filled from binary columns, with a soft density beneath and a live overlay above it.
//
// Positions on it have no units, so there are no axes and no grid. The first paint is a plain canvas, drawn as soon as
// the columns arrive, and it zooms and pans by itself; Plotly, whose start holds the page up for a second, takes over once
// the hand rests. Whenever the map moves the canvas leads again, since Plotly draws every point anew for each frame, and
// Plotly follows at rest. Hover works on both, anywhere, also where no point is. A 3-D map, and one that stands beside
// another, stays on the canvas: it turns there, it can be lassoed there, and a page has few WebGL contexts to give away.

import { element, MOVE } from "./parts.js";
import { Camera, NEARNESS, spaceFigure } from "./space.js";

export const PALETTE = ["#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377", "#EE7733", "#44BB99",
  "#8C8C8C", "#7755CC", "#B5651D", "#DD99BB"];
const EVEN = [[0, "#2b3a8f"], [0.25, "#2f7fb0"], [0.5, "#35b0a5"], [0.75, "#b5d56a"], [1, "#fdf3a0"]];
const FONT = '"Open Sans", verdana, arial, sans-serif'; // of the classes' names; Plotly's own
const FOOT = 40; // px of legend or readings along the lower edge
const FLOATS = ".mg-chip, .mg-tools, .mg-panel, .mg-making"; // over the map, where a hand does not mean a place of it
const MARGIN = 0.06;
const PATIENCE = 2000; // ms that Plotly waits for the first picture
const REST = 300; // ms without a move, after which a hand rests
const OPACITY = 0.62; // of a point
const STILL = 4; // px that a press may move and is a click
const TURN = 0.008; // radians that a 3-D map turns for a pixel
const QUIET = 80; // ms without a change of the view, before what lies in it is asked for
const ASIDE = 0.15; // of a view's width that is asked for on each side of it
const MARGINS = 0.25; // of a view's size that is drawn on each side of it while it moves
const LARGER = 0.2; // log of how much larger or smaller than drawn a point is shown while the map is zoomed
const SELDOM = 5; // times longer than drawing the points took, until they are drawn again while the map is zoomed
const CELL = 4; // px of a cell in which many points are counted
const KNOWN = 5000; // places of points that were not sent with a view, and are remembered

// Have the browser fetch plotly.js, and not yet run it: that would hold up the first paint.
export function expectPlotly(url) {
  if (!window.Plotly) document.head.append(element("link", "", [], { rel: "preload", as: "script", href: url }));
}

// When the hand last moved, anywhere on the page, and whether it presses.
const hand = { moved: -Infinity, pressed: false };
addEventListener(MOVE, () => (hand.moved = performance.now()), true);
addEventListener("wheel", ({ deltaY }) => deltaY && (hand.moved = performance.now()), { capture: true, passive: true });
for (const [name, pressed] of [["pointerdown", true], ["pointerup", false], ["pointercancel", false]])
  addEventListener(name, () => Object.assign(hand, { pressed, moved: performance.now() }), true);

// One frame drawn and the hand heard, before work that holds both up.
function breath() {
  return new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
}

let plotly;
function loadPlotly(url) {
  return (plotly ??= new Promise((done, fail) => {
    if (window.Plotly?.newPlot) return done(window.Plotly);
    const script = element("script", "", [], { src: url });
    script.onload = () => done(window.Plotly);
    script.onerror = () => fail(new Error("plotly"));
    document.head.append(script);
  }));
}

// A frame's header and the columns it names, as typed arrays on the frame's own memory.
export function columnsOf(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const kinds = { float32: Float32Array, int32: Int32Array, uint32: Uint32Array, int16: Int16Array, uint8: Uint8Array };
  const columns = { header };
  for (const { name, dtype, shape, offset } of header.columns)
    columns[name] = new kinds[dtype](buffer, 4 + length + offset, shape.reduce((a, b) => a * b, 1));
  return columns;
}

export async function loadColumns(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error((await response.text()).slice(0, 300));
  const columns = columnsOf(await response.arrayBuffer());
  const { header } = columns;
  const [count, dims] = header.columns.find(({ name }) => name === "points").shape;
  columns.dims = dims;
  if (header.many) Object.assign(columns, { url, many: header.many, index: new Map(Array.from(columns.row, (row, i) => [row, i])), known: new Map() });
  if (dims === 3) return columns; // the camera says where its points are seen
  const [x, y] = [new Float32Array(count), new Float32Array(count)];
  for (let i = 0; i < count; i++) [x[i], y[i]] = [columns.points[2 * i], columns.points[2 * i + 1]];
  return { ...columns, x, y };
}

// Of many points only those in view were sent. Of others the server tells where they lie along with what it says of them.
export function remember(columns, where) {
  if (!columns?.many || !where) return;
  if (columns.known.size > KNOWN) columns.known.clear();
  where.rows.forEach((row, i) => columns.known.set(row, { place: where.at[i], label: where.labels[i] }));
}

// Where a row lies on a map, and its label; null where that is not known here.
export function placeOf(columns, row) {
  const i = columns.many ? columns.index.get(row) : row;
  return columns.x[i] === undefined ? (columns.known?.get(row)?.place ?? null) : [columns.x[i], columns.y[i]];
}

export function labelOf(columns, row) {
  const i = columns.many ? columns.index.get(row) : row;
  return columns.label[i] ?? columns.known?.get(row)?.label ?? -1;
}

export class MapView {
  // on: { hover(place, pixel, moment, pressed), leave(), pin(place), select(polygon | null, hidden), moved(), viewed() }
  // A `plain` one stays on its canvas. `edges` tells how many px of its head and foot are covered.
  constructor(root, on, plain = false, edges = null) {
    this.on = on;
    Object.assign(this, { plain, edges });
    this.mode = "pan";
    this.hidden = new Set();
    this.plot = element("div", "mg-plot");
    this.raster = element("canvas", "mg-raster");
    this.overlay = element("canvas", "mg-overlay");
    this.root = root;
    root.append(this.raster, this.plot, this.overlay);
    this.view = { x0: 0, x1: 1, y0: 0, y1: 1 };
    this.listen();
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(root);
  }

  destroy() {
    this.observer.disconnect();
    clearTimeout(this.refining);
    clearTimeout(this.sharpening);
    if (this.drawn) window.Plotly.purge(this.plot);
    this.drawn = this.leading = false; // what still waits for a frame or a rest finds nothing to do
  }

  // Show other columns: a new map of the same codes, or another model's.
  // Plotly, whose start holds the page up for a second, begins `after` a promise, and in any case soon.
  async show(columns, { plotlyUrl, colourBy, classes, dark, after = null }) {
    const fresh = this.columns !== columns;
    if (fresh) {
      this.camera = columns.dims === 3 ? new Camera(columns.points) : null;
      if (this.camera) Object.assign(columns, { x: this.camera.x, y: this.camera.y });
      if ((this.camera || columns.many) && this.drawn) this.leavePlotly();
    }
    const [n, x, y] = [columns.x.length, columns.x, columns.y];
    if (fresh || dark !== this.dark) this.shading = this.sheet = null;
    Object.assign(this, { columns, colourBy, classes, dark, n });
    if (fresh) {
      this.identity = Math.random();
      this.path = null;
      this.frameAll(x, y);
      this.group();
      this.hidden.clear();
    }
    this.refine(0);
    this.middles = null;
    this.movable = Boolean(plotlyUrl); // a small map that is only looked at stays a picture
    if (!this.drawn) this.paint();
    if (!this.movable) return;
    if (this.alone) {
      await breath();
      if (this.columns !== columns) return;
      if (!this.camera && !columns.many) this.shading ??= shade(x, y, columns.label, this.box, dark);
      this.paint();
      return this.on.moved?.();
    }
    if (!this.drawn) await Promise.race([after, new Promise((done) => setTimeout(done, PATIENCE))]);
    await breath(); // the points are on screen before anything heavy
    if (this.columns !== columns) return;
    this.shading ??= shade(x, y, columns.label, this.box, dark);
    if (!this.drawn) this.paint();
    await this.rested();
    const Plotly = await loadPlotly(plotlyUrl);
    await this.rested();
    if (this.columns !== columns) return; // overtaken while the script was loading
    await this.react(Plotly);
  }

  // Nothing that holds the page up for long is begun under a moving hand, unless the hand waits for it.
  async rested() {
    while (!this.drawn && !this.wanted && (hand.pressed || performance.now() - hand.moved < REST)) await breath();
    if (!this.drawn) await breath();
  }

  // Whether the canvas is all there will be.
  get alone() {
    return this.plain || Boolean(this.camera || this.columns?.many);
  }

  group() {
    const { label, many } = this.columns;
    this.groups = groupsOf(label, this.classes.length, many?.labels);
    this.order = [...this.groups.keys()];
  }

  // Of many points those in view are asked for once the view rests; until they come the others are stretched along.
  refine(wait = QUIET) {
    if (!this.columns?.many || this.camera) return;
    clearTimeout(this.refining);
    this.refining = setTimeout(() => this.askView(), wait);
  }

  async askView() {
    const { columns, view, colourBy } = this;
    const [aside, above] = [ASIDE * (view.x1 - view.x0), ASIDE * (view.y1 - view.y0)];
    const box = [view.x0 - aside, view.x1 + aside, view.y0 - above, view.y1 + above];
    const [width, height] = this.size();
    const cells = Math.round((width * height * (1 + 2 * ASIDE) ** 2) / CELL ** 2);
    const url = `${columns.url}&box=${box}&cells=${cells}&hidden=${[...this.hidden]}&colour=${colourBy}`;
    if (columns.asked === url && !columns.stale) return;
    Object.assign(columns, { asked: url, stale: false });
    const fresh = await loadColumns(url).catch(() => null);
    if (this.columns !== columns || columns.asked !== url) return;
    if (!fresh) return (columns.asked = null); // the line is down: the next move asks again
    const { known } = columns;
    delete columns[columns.many.colour];
    Object.assign(columns, fresh, { url: columns.url, known });
    this.n = columns.x.length;
    this.group();
    this.shading = null;
    this.paint();
    this.on.viewed?.();
    this.on.moved?.();
  }

  // What is known of the points has changed: the view is asked for again.
  renew() {
    this.columns.stale = true;
    this.refine(0);
  }

  // Where the shading lies.
  get shadeBox() {
    if (!this.columns.many) return this.box;
    const [x0, x1, y0, y1] = this.columns.many.box;
    return { x0, x1, y0, y1 };
  }

  leavePlotly() {
    window.Plotly.purge(this.plot);
    this.drawn = this.raster.hidden = false;
    this.lead(false);
  }

  frameAll(x, y) {
    let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
    const reach = this.camera?.reach;
    if (reach) {
      this.box = { x0: -reach, x1: reach, y0: -reach, y1: reach };
      return this.fit();
    }
    if (this.columns.many) [x0, x1, y0, y1] = this.columns.many.whole;
    for (let i = 0; i < x.length; i++) {
      if (x[i] < x0) x0 = x[i];
      if (x[i] > x1) x1 = x[i];
      if (y[i] < y0) y0 = y[i];
      if (y[i] > y1) y1 = y[i];
    }
    const pad = MARGIN * Math.max(x1 - x0, y1 - y0, 1e-6);
    this.box = { x0: x0 - pad, x1: x1 + pad, y0: y0 - pad, y1: y1 + pad };
    this.fit();
  }

  // One unit is as long in x as in y, whatever the frame's proportions; no point lies under what stands along head and foot.
  fit() {
    const { x0, x1, y0, y1 } = this.box;
    const [width, height] = this.size();
    const [head, foot] = height > 300 ? (this.edges?.() ?? [0, FOOT]) : [0, 0];
    const free = height - head - foot;
    const scale = Math.max((x1 - x0) / width, (y1 - y0) / free);
    const [cx, top] = [(x0 + x1) / 2, (y0 + y1) / 2 + scale * (free / 2 + head)];
    this.view = this.whole = { x0: cx - (scale * width) / 2, x1: cx + (scale * width) / 2, y0: top - scale * height, y1: top };
  }

  // What stands along the edges has changed: where all of the map is in sight, it moves out of the way.
  settle() {
    if (!this.columns || this.view !== this.whole) return;
    const { y0, y1 } = this.view;
    this.fit();
    if (this.view.y0 !== y0 || this.view.y1 !== y1) this.setView(this.view);
  }

  // Kept from one change of size to the next: to ask the page again after something was written makes it lay out anew.
  size() {
    return (this.known ??= [Math.max(this.root.clientWidth, 1), Math.max(this.root.clientHeight, 1)]);
  }

  // A place in space is seen where its shadow lies.
  toPixel(place) {
    const [x, y] = this.flat(place);
    const [width, height] = this.size();
    const { x0, x1, y0, y1 } = this.view;
    return [((x - x0) / (x1 - x0)) * width, ((y1 - y) / (y1 - y0)) * height];
  }

  // A place on the plane it is seen on.
  flat(place) {
    return this.camera && place.length === 3 ? this.camera.project(place) : place;
  }

  toPlace([px, py]) {
    const [width, height] = this.size();
    const { x0, x1, y0, y1 } = this.view;
    return [x0 + (px / width) * (x1 - x0), y1 - (py / height) * (y1 - y0)];
  }

  // The place of the map behind one on the screen's plane: in space there are many, and the foremost point decides.
  lift(place) {
    if (!this.camera) return place;
    const { label } = this.columns;
    return this.camera.lift(place, (this.view.x1 - this.view.x0) / this.size()[0], (i) => !this.hidden.has(label[i]));
  }

  turn(yaw, pitch) {
    this.camera.turn(yaw, pitch);
    this.middles = this.path = null;
    this.repaint();
  }

  colourOf(label) {
    return label < 0 ? (this.dark ? "#8a8f98" : "#9aa0a8") : PALETTE[label % PALETTE.length];
  }

  // All of the map on the canvas, exactly.
  paint() {
    this.sheet = this.points();
    this.compose();
  }

  // The points of the view and `aside` of its size around it, pixel by pixel: some milliseconds for 20,000 of them.
  points(aside = 0) {
    const began = performance.now();
    const [width, height] = this.size();
    const ratio = devicePixelRatio || 1;
    const [wide, high] = [width, height].map((length) => Math.round(length * ratio * (1 + 2 * aside)));
    const points = new OffscreenCanvas(wide, high);
    const image = new ImageData(wide, high);
    const { x, y, label } = this.columns;
    const box = widened(this.view, aside);
    const { x0, x1, y0, y1 } = box;
    const [sx, sy] = [wide / (x1 - x0), high / (y1 - y0)];
    const colour = this.colours();
    const hollow = this.columns.hollow ?? new Uint8Array(x.length);
    const looks = (this.camera ? NEARNESS : [{ size: 1, ink: 1 }]).map(({ size, ink }) => [
      stamp((ratio * size * this.pointSize()) / 2, wide, 0, ink), stamp((ratio * (size * this.pointSize() + 2)) / 2, wide, ratio * 1.2, ink)]);
    const lay = (i, look) => dot(image, look[hollow[i]], Math.floor((x[i] - x0) * sx), Math.floor((y1 - y[i]) * sy), colour(i, label[i]));
    if (this.camera) {
      const { order, level } = this.camera;
      for (const i of order) if (!this.hidden.has(label[i])) lay(i, looks[level[i]]);
    } else {
      for (const [group, rows] of this.groups) if (!this.hidden.has(group)) for (const i of rows) lay(i, looks[0]);
    }
    points.getContext("2d").putImageData(image, 0, 0);
    const now = performance.now();
    return { points, box, span: this.view.x1 - this.view.x0, now, took: now - began };
  }

  // Shading, points and names on the canvas, where they lie in this view.
  compose() {
    const [width, height] = this.size();
    const ratio = devicePixelRatio || 1;
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.raster.width !== wide || this.raster.height !== high) Object.assign(this.raster, { width: wide, height: high });
    const pen = this.raster.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const spread = (picture, box, whole = (length) => length) => {
      const [[left, top], [right, bottom]] = [this.toPixel([box.x0, box.y1]), this.toPixel([box.x1, box.y0])];
      pen.drawImage(picture, whole(left), whole(top), whole(right) - whole(left), whole(bottom) - whole(top));
    };
    if (this.columns.many && !this.camera) this.shading ??= cloud(this.columns, this.dark, (label) => rgb(this.colourOf(label)), this.range());
    if (this.shading) spread(this.shading, this.shadeBox);
    const { points, box, span } = this.sheet;
    const sharp = Math.abs(span / (this.view.x1 - this.view.x0) - 1) < 1e-6; // between two pixels it would blur
    spread(points, box, sharp ? (length) => Math.round(length * ratio) / ratio : undefined);
    if (this.movable && !this.values()) this.write(pen);
    if (!this.drawn) this.root.dataset.painted = this.alone ? "canvas" : "raster";
  }

  // What Plotly shows, on the page's own background; null before it is there. Of a 3-D map, what it would show.
  async figure(plotlyUrl) {
    const paper = this.dark ? "#12141a" : "#ffffff";
    if (this.camera) {
      await loadPlotly(plotlyUrl);
      return spaceFigure(this.spaceTraces(), this.camera, paper);
    }
    if (this.columns.many) {
      await loadPlotly(plotlyUrl);
      return { data: this.flatTraces(), layout: { ...this.flatLayout(), paper_bgcolor: paper, plot_bgcolor: paper } };
    }
    if (!this.drawn) return null;
    return { data: this.plot.data, layout: { ...this.plot.layout, ...this.ranges(), paper_bgcolor: paper, plot_bgcolor: paper, selections: [] } };
  }

  spaceTraces() {
    const { points } = this.columns;
    const values = this.values();
    const [low, high] = this.range() ?? [0, 1];
    return this.order.filter((group) => !this.hidden.has(group)).map((group) => {
      const rows = this.groups.get(group);
      const [x, y, z] = [0, 1, 2].map((axis) => Float32Array.from(rows, (i) => points[3 * i + axis]));
      const marker = { size: this.pointSize() / 1.6, opacity: 0.8, line: { width: 0 }, color: values ? pick(values, rows) : this.colourOf(group) };
      if (values) Object.assign(marker, { colorscale: EVEN, cmin: low, cmax: high });
      return { type: "scatter3d", mode: "markers", x, y, z, marker, hoverinfo: "name", name: this.classes[group] ?? "" };
    });
  }

  // Show a place with so many units of the map around it.
  goTo([x, y], span) {
    const [width, height] = this.size();
    const high = (span * height) / width;
    this.setView({ x0: x - span / 2, x1: x + span / 2, y0: y - high / 2, y1: y + high / 2 });
  }

  // Other colours or marks on the same places: at once on the canvas, in Plotly once it is there.
  restyle() {
    if (!this.drawn) return this.repaint();
    this.react(window.Plotly);
  }

  repaint() {
    this.painting ??= requestAnimationFrame(() => {
      this.painting = null;
      if (this.drawn && !this.leading) return;
      this.paint();
      this.lead(this.leading);
      if (this.camera) this.on.moved?.();
    });
  }

  // Under a moving hand the points drawn last are moved along, and drawn anew where they no longer do.
  slide() {
    this.sliding ??= requestAnimationFrame(() => {
      this.sliding = null;
      if (this.drawn && !this.leading) return;
      if (!this.serves(this.sheet)) this.sheet = this.points(MARGINS);
      this.compose();
      this.lead(this.leading);
      clearTimeout(this.sharpening);
      if (!this.drawn) this.sharpening = setTimeout(() => this.repaint(), QUIET);
    });
  }

  // Whether points drawn for another view still show this one: its edges are among them, and they are hardly larger or
  // smaller; drawing them must not take more than a share of the time.
  serves(sheet) {
    if (!sheet) return false;
    const { x0, x1, y0, y1 } = this.view;
    const [held, all] = [sheet.box, this.box];
    const inside = (low, high, from, to, least, most) => Math.max(low, least) >= from && Math.min(high, most) <= to;
    if (!inside(x0, x1, held.x0, held.x1, all.x0, all.x1) || !inside(y0, y1, held.y0, held.y1, all.y0, all.y1)) return false;
    const larger = Math.abs(Math.log(sheet.span / (x1 - x0)));
    return larger < 1e-6 || (larger < LARGER && performance.now() - sheet.now < SELDOM * sheet.took);
  }

  // The classes' names on the canvas, as Plotly writes them.
  write(pen) {
    Object.assign(pen, { font: `700 17px ${FONT}`, textAlign: "center", textBaseline: "middle" });
    for (const { x, y, name } of (this.middles ??= this.names())) {
      const [px, py] = this.toPixel([x, y]);
      const wide = pen.measureText(name).width + 8;
      pen.fillStyle = this.dark ? "rgba(18,20,26,.62)" : "rgba(255,255,255,.72)";
      pen.fillRect(px - wide / 2, py - 15, wide, 30);
      pen.fillStyle = this.dark ? "#fff" : "#1b1d22";
      pen.fillText(name, px, py);
    }
  }

  pointSize() {
    if (this.columns.many) return this.n > 12000 ? 2 : this.n > 3000 ? 3.2 : 5;
    return this.n > 40000 ? 2.5 : this.n > 12000 ? 3.4 : 5;
  }

  // The colour [r, g, b] of each point, by its class or by what the map is coloured by.
  colours() {
    const values = this.values();
    if (!values) {
      const known = new Map(this.order.map((group) => [group, rgb(this.colourOf(group))]));
      return (i, group) => known.get(group);
    }
    const [low, high] = this.range();
    const scale = Array.from({ length: 64 }, (_, at) => between(at / 63));
    const nothing = rgb(this.colourOf(-1)); // where it is not known
    return (i) => Number.isNaN(values[i]) ? nothing : scale[Math.max(0, Math.min(63, Math.round((63 * (values[i] - low)) / (high - low || 1)) || 0))];
  }

  // What the points are coloured by; null for their class, or while the figures are still on their way.
  values() {
    return this.colourBy === "label" ? null : (this.columns[this.colourBy] ?? null);
  }

  // The ends of the colours, where the points are not coloured by their class.
  range() {
    const values = this.values();
    return values && (this.columns.many?.range ?? spread(values));
  }

  // The row of the shown point nearest to a place, where it is within `reach` px; else null.
  rowAt(place, reach) {
    if (!place || !this.columns) return null;
    const { x, y, label } = this.columns;
    const unit = (this.view.x1 - this.view.x0) / this.size()[0];
    let [best, row] = [(reach * unit) ** 2, null];
    for (let i = 0; i < x.length; i++) {
      const far = (x[i] - place[0]) ** 2 + (y[i] - place[1]) ** 2;
      if (far < best && !this.hidden.has(label[i])) [best, row] = [far, this.columns.row[i]];
    }
    return row;
  }

  // The points least to be trusted as one trace of rings, in the colours they would have as dots.
  rings(values, range) {
    const { x, y, label, hollow } = this.columns;
    const rows = Int32Array.from(hollow.keys()).filter((i) => hollow[i] && !this.hidden.has(label[i]));
    const marker = { size: this.pointSize() + 2, symbol: "circle-open", opacity: 0.95, line: { width: 1.3 } };
    if (values) Object.assign(marker, { color: pick(values, rows), colorscale: EVEN, cmin: range[0], cmax: range[1] });
    else marker.color = Array.from(rows, (i) => this.colourOf(label[i]));
    return { type: "scattergl", mode: "markers", x: pick(x, rows), y: pick(y, rows), marker, hoverinfo: "skip", name: "" };
  }

  flatTraces() {
    const { x, y, hollow } = this.columns;
    const values = this.values();
    const range = this.range();
    const size = this.pointSize();
    const traces = this.order.map((group) => {
      const rows = hollow ? this.groups.get(group).filter((i) => !hollow[i]) : this.groups.get(group);
      const marker = { size, opacity: values ? 0.85 : OPACITY, line: { width: 0 } };
      if (values) Object.assign(marker, { color: pick(values, rows), colorscale: EVEN, cmin: range[0], cmax: range[1] });
      else marker.color = this.colourOf(group);
      return { type: "scattergl", mode: "markers", x: pick(x, rows), y: pick(y, rows), marker, hoverinfo: "skip",
        visible: !this.hidden.has(group), name: this.classes[group] ?? "" };
    });
    if (hollow) traces.push(this.rings(values, range));
    return traces;
  }

  flatLayout() {
    const box = this.shadeBox;
    const { xaxis, yaxis } = this.ranges();
    const axis = { visible: false, fixedrange: false, zeroline: false };
    return {
      margin: { l: 0, r: 0, t: 0, b: 0 }, showlegend: false, hovermode: false, dragmode: dragmode(this.mode),
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", uirevision: this.identity,
      xaxis: { ...axis, ...xaxis }, yaxis: { ...axis, ...yaxis },
      images: [{ source: this.shading.toDataURL("image/png"), xref: "x", yref: "y", x: box.x0, y: box.y1,
        sizex: box.x1 - box.x0, sizey: box.y1 - box.y0, sizing: "stretch", layer: "below" }],
      annotations: this.values() ? [] : this.annotations(),
      newselection: { line: { color: this.dark ? "#fff" : "#222", width: 1.5, dash: "dot" } },
    };
  }

  ranges() {
    const { x0, x1, y0, y1 } = this.view;
    return { xaxis: { range: [x0, x1] }, yaxis: { range: [y0, y1] } };
  }

  async react(Plotly) {
    const config = { scrollZoom: false, displayModeBar: false, doubleClick: false, responsive: false };
    await Plotly.react(this.plot, this.flatTraces(), this.flatLayout(), config);
    if (!this.drawn) {
      this.drawn = true;
      this.plot.on("plotly_selected", (event) => this.selected(event));
    }
    this.lead(false);
    this.root.dataset.painted = "plotly";
    this.on.moved?.();
  }

  // Whether the canvas stands before what Plotly has drawn, which it covers only once it is painted itself.
  lead(leading) {
    this.leading = leading;
    this.raster.hidden = this.drawn && !leading;
    this.plot.classList.toggle("mg-behind", leading);
  }

  // Plotly draws the view once the hand rests, or `now`.
  async catchUp(now = false) {
    if (!now) {
      if (this.waiting) return;
      this.waiting = true;
      while (this.leading && (hand.pressed || performance.now() - hand.moved < REST)) await breath();
      this.waiting = false;
    }
    if (!this.leading) return;
    const { view } = this;
    await window.Plotly.relayout(this.plot, flatten(this.ranges()));
    if (!this.drawn) return;
    if (this.view === view) this.lead(false);
    else this.catchUp();
  }

  // The middle of every group that has a class and is shown: [group, [x, y]].
  centres() {
    const { x, y, many } = this.columns;
    if (many && !this.camera) return many.middles.filter(([group]) => !this.hidden.has(group)).map(([group, ...place]) => [group, place]);
    return [...this.groups].filter(([group]) => group >= 0 && !this.hidden.has(group))
      .map(([group, rows]) => [group, [middle(pick(x, rows)), middle(pick(y, rows))]]);
  }

  // Points [x, y] where most others are, one of a cell: where there is something to see if no class says so.
  crowds(cells = 5, most = 8) {
    const { x, y } = this.columns;
    const { x0, x1, y0, y1 } = this.box;
    const held = new Map();
    for (let i = 0; i < this.n; i++) {
      const cell = Math.floor((cells * (x[i] - x0)) / (x1 - x0)) + cells * Math.floor((cells * (y[i] - y0)) / (y1 - y0));
      if (!held.has(cell)) held.set(cell, []);
      held.get(cell).push(i);
    }
    return [...held.values()].sort((a, b) => b.length - a.length).slice(0, most).map((rows) => {
      const [mx, my] = [middle(pick(x, rows)), middle(pick(y, rows))];
      const aside = (i) => Math.hypot(x[i] - mx, y[i] - my);
      const at = rows.reduce((best, i) => (aside(i) < aside(best) ? i : best));
      return [x[at], y[at]];
    });
  }

  // Class names stand there, so that colour is never the only sign.
  names() {
    return this.centres().map(([group, [x, y]]) => ({ x, y, name: this.classes[group] ?? String(group) }));
  }

  annotations() {
    return this.names().map(({ x, y, name }) => ({
      x, y, text: `<b>${escapeHtml(name)}</b>`, showarrow: false, captureevents: false, borderpad: 3,
      font: { size: 17, family: FONT, color: this.dark ? "#fff" : "#1b1d22" }, bgcolor: this.dark ? "rgba(18,20,26,.62)" : "rgba(255,255,255,.72)",
    }));
  }

  setView(view) {
    this.view = view;
    if (this.drawn && this.held) this.catchUpSoon();
    else if (this.drawn) {
      if (!this.leading) this.sheet = null; // of before Plotly drew, and perhaps of other colours
      this.leading = true;
      this.catchUp();
    }
    if (this.camera) this.repaint();
    else this.slide();
    this.refine();
    this.on.moved?.();
  }

  // What a lasso holds only Plotly shows: it draws while the map moves, as often as it can.
  catchUpSoon() {
    this.pending ??= requestAnimationFrame(() => {
      this.pending = null;
      if (this.drawn) window.Plotly.relayout(this.plot, flatten(this.ranges()));
    });
  }

  // Around the middle, or the place that must stay where it is.
  zoom(factor, around = null) {
    const { x0, x1, y0, y1 } = this.view;
    const [cx, cy] = around ?? [(x0 + x1) / 2, (y0 + y1) / 2];
    this.setView({ x0: cx + (x0 - cx) * factor, x1: cx + (x1 - cx) * factor,
      y0: cy + (y0 - cy) * factor, y1: cy + (y1 - cy) * factor });
  }

  // The view in which a place lies at a pixel, `factor` times as wide as this one.
  carry(place, [px, py], factor = 1) {
    const [width, height] = this.size();
    const { x0, x1, y0, y1 } = this.view;
    const [wide, high] = [factor * (x1 - x0), factor * (y1 - y0)];
    const [left, top] = [place[0] - (px / width) * wide, place[1] + (py / height) * high];
    this.setView({ x0: left, x1: left + wide, y0: top - high, y1: top });
  }

  reset() {
    this.camera?.home();
    this.middles = null;
    this.fit();
    this.setView(this.view);
  }

  setMode(mode) {
    this.mode = mode;
    this.path = null;
    if (mode === "pan") this.held = false;
    this.wanted ||= mode !== "pan"; // only Plotly can select
    if (this.drawn) window.Plotly.relayout(this.plot, { dragmode: dragmode(mode), ...(mode === "pan" ? { selections: [] } : {}) });
    this.root.dataset.mode = mode;
  }

  toggle(group, alone = false) {
    if (alone) {
      const others = this.order.filter((other) => other !== group);
      const isAlone = others.every((other) => this.hidden.has(other)) && !this.hidden.has(group);
      this.hidden = new Set(isAlone ? [] : others);
    } else if (!this.hidden.delete(group)) this.hidden.add(group);
    this.middles = null;
    this.refine();
    this.repaint();
    if (!this.drawn) return;
    if (this.columns.hollow) return this.react(window.Plotly);
    const visible = this.order.map((other) => !this.hidden.has(other));
    window.Plotly.restyle(this.plot, { visible });
    if (this.colourBy === "label") window.Plotly.relayout(this.plot, { annotations: this.annotations() });
  }

  selected(event) {
    this.held = false;
    if (!event) return this.on.select?.(null);
    let polygon = null;
    if (event.lassoPoints) polygon = event.lassoPoints.x.map((x, i) => [x, event.lassoPoints.y[i]]);
    else if (event.range) {
      const [[a, b], [c, d]] = [event.range.x, event.range.y];
      polygon = [[a, c], [b, c], [b, d], [a, d]];
    }
    this.held = Boolean(polygon);
    if (polygon) this.on.select?.(thin(polygon, 160), [...this.hidden]);
  }

  // A lasso or a box drawn on the canvas, where Plotly is not asked: from pixels to places.
  trace(pixel) {
    if (this.mode === "lasso") this.path.push(pixel);
    else this.path.splice(1, 4, [pixel[0], this.path[0][1]], pixel, [this.path[0][0], pixel[1]]);
    this.on.moved?.();
  }

  traced() {
    const path = this.path;
    if (path.length < 3) this.path = null;
    else this.on.select?.(thin(path.map((pixel) => this.toPlace(pixel)), 160), [...this.hidden]);
    this.on.moved?.();
  }

  drawPath(pen) {
    if (!this.path) return;
    pen.beginPath();
    for (const pixel of this.path) pen.lineTo(...pixel);
    pen.closePath();
    pen.setLineDash([4, 4]);
    pen.lineWidth = 1.5;
    pen.strokeStyle = this.dark ? "#fff" : "#222";
    pen.stroke();
    pen.setLineDash([]);
  }

  clearSelection() {
    this.path = null;
    this.held = false;
    if (this.drawn) window.Plotly.relayout(this.plot, { selections: [] });
    this.on.select?.(null);
  }

  resize() {
    this.known = null;
    const [width, height] = this.size();
    const ratio = devicePixelRatio || 1;
    this.overlay.width = width * ratio;
    this.overlay.height = height * ratio;
    this.overlay.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
    if (this.columns) {
      const { x0, x1, y0, y1 } = this.view;
      const scale = Math.max((x1 - x0) / width, (y1 - y0) / height);
      const [cx, cy] = [(x0 + x1) / 2, (y0 + y1) / 2];
      if (this.view === this.whole) this.fit(); // all of it was in sight, and is again
      else this.view = { x0: cx - (scale * width) / 2, x1: cx + (scale * width) / 2,
        y0: cy - (scale * height) / 2, y1: cy + (scale * height) / 2 };
      if (this.drawn) window.Plotly.relayout(this.plot, { width, height, ...flatten(this.ranges()) });
      if (!this.drawn || this.leading) this.paint();
      this.refine();
    }
    this.on.moved?.();
  }

  // Our own listeners, in the capture phase: they hear the hand before Plotly does, and also where no point is.
  listen() {
    const pixelOf = (event) => {
      const frame = this.root.getBoundingClientRect();
      return [event.clientX - frame.left, event.clientY - frame.top];
    };
    let down = null;
    let grip = null; // the place at which the map was taken hold of
    let [grabbed, tracing] = [false, false];
    const fingers = new Map(); // where each lies; two of them pinch
    this.root.addEventListener(MOVE, (event) => {
      if (!this.columns || (!down && !fingers.size && event.target.closest?.(FLOATS))) return;
      const pixel = pixelOf(event);
      if (fingers.has(event.pointerId)) {
        const before = spanOf(fingers);
        fingers.set(event.pointerId, pixel);
        const after = spanOf(fingers);
        if (before) return this.carry(this.toPlace(before.middle), after.middle, before.apart / after.apart); // what lay between stays there
      }
      if (tracing) this.trace(pixel);
      else if (grip && this.camera && !event.shiftKey) {
        this.turn((grip.pixel[0] - pixel[0]) * TURN, (pixel[1] - grip.pixel[1]) * TURN);
        grip.pixel = pixel;
      } else if (grip && (grip.moved ||= far(pixel, grip.pixel) >= STILL)) this.carry(grip.place, pixel);
      this.on.hover?.(this.toPlace(pixel), pixel, event.timeStamp, event.buttons > 0);
      if (down && this.on.drag) this.on.drag(this.toPlace(pixel), pixel);
    }, true);
    this.root.addEventListener("pointerleave", () => this.on.leave?.());
    this.root.addEventListener("pointerdown", (event) => {
      if (event.target.closest("button")) return; // a tool, a chip, an undo: not the map
      if (event.pointerType === "touch" && this.movable && !grabbed) fingers.set(event.pointerId, pixelOf(event));
      if (fingers.size > 1) { // a second finger: neither a click nor a lasso
        down = grip = this.path = null;
        tracing = false;
        return event.stopPropagation();
      }
      down = pixelOf(event);
      if (this.leading && this.mode !== "pan") this.catchUp(true); // Plotly is about to trace a lasso
      grabbed = Boolean(this.on.grab?.(this.toPlace(down), down));
      if (grabbed) {
        fingers.clear();
        event.stopPropagation();
        event.preventDefault();
      } else if (this.movable && this.columns && event.target.closest(".mg-map") === this.root && (this.mode === "pan" || this.alone)) {
        tracing = this.mode !== "pan";
        if (tracing) this.path = [down];
        else grip = { place: this.toPlace(down), pixel: down };
        this.root.setPointerCapture(event.pointerId);
      }
    }, true);
    this.root.addEventListener("wheel", (event) => {
      if (!this.movable || !this.columns) return;
      event.preventDefault();
      this.zoom(Math.exp(Math.max(-20, Math.min(20, event.deltaY)) / 200), this.toPlace(pixelOf(event)));
    }, { passive: false });
    addEventListener("pointercancel", ({ pointerId }) => {
      fingers.delete(pointerId);
      down = grip = null;
      grabbed = tracing = false;
    }, true);
    addEventListener("pointerup", (event) => {
      fingers.delete(event.pointerId);
      if (!down) return;
      const pixel = pixelOf(event);
      const still = far(pixel, down) < STILL;
      const traced = tracing;
      down = grip = null;
      grabbed = tracing = false;
      if (traced && this.path) this.traced();
      const closed = traced && Boolean(this.path); // a lasso that ends where it began is no click
      if (this.on.drop?.(still) || closed) return;
      if (still && this.columns) this.on.pin?.(this.toPlace(pixel), pixel);
    }, true);
  }
}

function far([ax, ay], [bx, by]) {
  return Math.hypot(ax - bx, ay - by);
}

// The middle between two fingers and how far apart they are; null for one.
function spanOf(fingers) {
  if (fingers.size !== 2) return null;
  const [a, b] = fingers.values();
  return { middle: [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2], apart: Math.max(far(a, b), 1) };
}

// A view and so much of its size on each side.
function widened({ x0, x1, y0, y1 }, aside) {
  const [dx, dy] = [aside * (x1 - x0), aside * (y1 - y0)];
  return { x0: x0 - dx, x1: x1 + dx, y0: y0 - dy, y1: y1 + dy };
}

// What a drag does in Plotly: nothing where it moves the map, which is ours.
function dragmode(mode) {
  return mode === "pan" ? false : mode;
}

// Ranges under the names that a change of Plotly's layout has.
function flatten({ xaxis, yaxis }) {
  return { "xaxis.range": xaxis.range, "yaxis.range": yaxis.range };
}

// The points of each label; of labels `there` also where none is in view.
function groupsOf(labels, classes, there = []) {
  const groups = new Map();
  for (let group = -1; group < classes; group++) groups.set(group, []);
  for (let i = 0; i < labels.length; i++) groups.get(labels[i])?.push(i);
  for (const [group, rows] of groups) rows.length || there.includes(group) ? groups.set(group, Int32Array.from(rows)) : groups.delete(group);
  return groups;
}

function pick(values, rows) {
  const picked = new Float32Array(rows.length);
  for (let i = 0; i < rows.length; i++) picked[i] = values[rows[i]];
  return picked;
}

function middle(values) {
  return Float32Array.from(values).sort()[values.length >> 1];
}

// From the 2 % to the 98 % quantile: one outlier must not take all the colours.
function spread(values) {
  const finite = Float32Array.from(values).filter(Number.isFinite).sort();
  if (!finite.length) return [0, 1];
  return [finite[Math.floor(finite.length * 0.02)], finite[Math.floor(finite.length * 0.98)]];
}

function thin(polygon, most) {
  const step = Math.ceil(polygon.length / most);
  return polygon.filter((_, i) => i % step === 0);
}

// Soft shading under the points: how densely each class lies, as a picture that pans and zooms with the map.
function shade(x, y, label, box, dark, side = 160) {
  const canvas = new OffscreenCanvas(side, side);
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(side, side);
  const [sx, sy] = [side / (box.x1 - box.x0), side / (box.y1 - box.y0)];
  const layers = new Map();
  for (let i = 0; i < x.length; i++) {
    const group = label[i];
    if (!layers.has(group)) layers.set(group, new Float32Array(side * side));
    const column = Math.min(side - 1, Math.max(0, ((x[i] - box.x0) * sx) | 0));
    const row = Math.min(side - 1, Math.max(0, ((box.y1 - y[i]) * sy) | 0));
    layers.get(group)[row * side + column] += 1;
  }
  const total = new Float32Array(side * side);
  const mixed = new Float32Array(side * side * 3);
  for (const [group, layer] of layers) {
    const soft = blur(blur(blur(layer, side, 2), side, 2), side, 3);
    const [r, g, b] = rgb(group < 0 ? (dark ? "#aab2c0" : "#7b8696") : PALETTE[group % PALETTE.length]);
    for (let i = 0; i < soft.length; i++) {
      total[i] += soft[i];
      mixed[3 * i] += soft[i] * r;
      mixed[3 * i + 1] += soft[i] * g;
      mixed[3 * i + 2] += soft[i] * b;
    }
  }
  const sorted = Float32Array.from(total).filter((value) => value > 0).sort();
  const full = sorted[Math.floor(sorted.length * 0.9)] || 1;
  for (let i = 0; i < total.length; i++) {
    const share = Math.min(1, total[i] / full);
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = total[i] ? mixed[3 * i + c] / total[i] : 0;
    image.data[4 * i + 3] = 255 * (dark ? 0.34 : 0.22) * Math.sqrt(share);
  }
  pen.putImageData(image, 0, 0);
  const big = document.createElement("canvas");
  big.width = big.height = side * 3;
  const wide = big.getContext("2d");
  wide.imageSmoothingQuality = "high";
  wide.drawImage(canvas, 0, 0, side * 3, side * 3);
  return big;
}

// How many of many points lie where: each cell in its most frequent class's colour or that of its mean, the more the inkier.
// Where all of them are drawn too it is faint.
function cloud({ counts, main, mean, many }, dark, colourOf, range) {
  const [wide, high] = many.cells;
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: wide, height: high });
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(wide, high);
  const most = Math.log1p(counts.reduce((a, b) => Math.max(a, b), 0)) || 1;
  const full = 255 * (many.total > many.sent ? 1 : 0.3) * (dark ? 0.95 : 0.85);
  const inks = new Map(many.labels.map((label) => [label, colourOf(label)]));
  for (let row = 0; row < high; row++)
    for (let column = 0; column < wide; column++) {
      const from = row * wide + column;
      if (!counts[from]) continue;
      const share = range && (mean[from] - range[0]) / (range[1] - range[0] || 1);
      const ink = range && mean[from] === mean[from] ? between(Math.max(0, Math.min(1, share))) : range ? [140, 146, 156] : inks.get(main[from]);
      const to = 4 * ((high - 1 - row) * wide + column);
      image.data.set(ink, to);
      image.data[to + 3] = full * (0.06 + 0.94 * (Math.log1p(counts[from]) / most) ** 1.5);
    }
  pen.putImageData(image, 0, 0);
  return canvas;
}

// A round point of `radius` px on an image of `width`, or a ring of that `line`, with so much `ink`: how far each of its
// pixels lies from its middle, and how opaque it is.
function stamp(radius, width, line = 0, ink = 1) {
  const reach = Math.ceil(radius);
  const [steps, covers] = [[], []];
  for (let dy = -reach; dy <= reach; dy++)
    for (let dx = -reach; dx <= reach; dx++) {
      const far = Math.hypot(dx, dy);
      const inner = line ? Math.min(1, Math.max(0, far - (radius - line - 0.5))) : OPACITY;
      const cover = ink * inner * Math.min(1, Math.max(0, radius + 0.5 - far));
      if (cover < 0.02) continue;
      steps.push(4 * (dy * width + dx));
      covers.push(cover);
    }
  return { reach, steps: Int32Array.from(steps), covers: Float32Array.from(covers) };
}

// Lay a point over what is there: o = a + b (1 - a), and the colour by the point's share a / o. None is cut by the edge.
function dot({ data, width, height }, { reach, steps, covers }, px, py, rgb) {
  if (px < reach || py < reach || px >= width - reach || py >= height - reach) return;
  const middle = 4 * (py * width + px);
  const r = rgb[0], g = rgb[1], b = rgb[2];
  for (let at = 0; at < steps.length; at++) {
    const i = middle + steps[at];
    const cover = covers[at];
    const over = cover + (data[i + 3] / 255) * (1 - cover);
    const share = cover / over;
    data[i] += share * (r - data[i]);
    data[i + 1] += share * (g - data[i + 1]);
    data[i + 2] += share * (b - data[i + 2]);
    data[i + 3] = 255 * over;
  }
}

// The colour of the even scale at `share` in [0, 1].
export function between(share) {
  const at = Math.max(1, EVEN.findIndex(([stop]) => stop >= share));
  const [[from, a], [to, b]] = [EVEN[at - 1], EVEN[at]];
  return rgb(a).map((value, c) => value + ((share - from) / (to - from)) * (rgb(b)[c] - value));
}

function blur(values, side, radius) {
  const across = new Float32Array(values.length);
  const out = new Float32Array(values.length);
  for (let r = 0; r < side; r++)
    for (let c = 0; c < side; c++) {
      let sum = 0;
      for (let k = -radius; k <= radius; k++) sum += values[r * side + Math.min(side - 1, Math.max(0, c + k))];
      across[r * side + c] = sum / (2 * radius + 1);
    }
  for (let c = 0; c < side; c++)
    for (let r = 0; r < side; r++) {
      let sum = 0;
      for (let k = -radius; k <= radius; k++) sum += across[Math.min(side - 1, Math.max(0, r + k)) * side + c];
      out[r * side + c] = sum / (2 * radius + 1);
    }
  return out;
}

function rgb(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

function escapeHtml(text) {
  return text.replace(/[&<>]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign]);
}
