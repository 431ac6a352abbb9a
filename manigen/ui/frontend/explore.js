// Explore: the map with its loupe, the stage beside it, the tray below.

import { Beside, drawElsewhere, rowsInside } from "./beside.js";
import { live } from "./live.js";
import { between, columnsOf, expectPlotly, labelOf, loadColumns, MapView, placeOf, remember } from "./map.js";
import { element, fill, icon, isDark, Notice } from "./parts.js";
import { Forming } from "./mapforming.js";
import { draw } from "./picture.js";
import { Sprites } from "./sprites.js";
import { NEIGHBOURS, Stage } from "./stage.js";
import { KINDS, take } from "./takeaway.js";
import { Tray } from "./tray.js";
import { Trust } from "./trust.js";

const REST = 120; // ms without a move after which a hand rests
const LENS = 120; // px around a point within which its surroundings are un-warped
const GLIDE = 480; // ms that un-warping takes
const REACH = 12; // px from a point within which a resting hand means that point
const TWICE = 500; // ms between the clicks of a double click, at most
const EDGE = 16; // px from the map's edge to what stands along it, and some air
const NARROW = 0.6; // of the map's width that the tools take up at most, for the map to have room beside them
const CLOSE = 28; // times larger a row that was looked for is shown: its neighbours turn into pictures
const TOUR_SECONDS = 40; // how long the loupe wanders by itself before the first hand arrives

class Explore {
  constructor(host, data) {
    this.host = host;
    this.data = data;
    this.seq = 0;
    this.live = live();
    expectPlotly(data.plotlyUrl);
    this.build(data.text);
    this.offState = this.live.onState((state) => this.connection(state));
    this.map = new MapView(this.field, {
      hover: (place, pixel, moment, pressed) => this.hover(place, pixel, moment, pressed),
      leave: () => {},
      pin: (place, pixel) => this.click(place, pixel),
      select: (polygon, hidden = []) => this.select(null, polygon, hidden),
      moved: () => {
        if (this.columns) this.sprites.look(this.map, this.columns, this.data.model);
        this.overlay();
      },
      viewed: () => this.viewed(),
    }, false, () => this.edges());
    this.keys();
  }

  build(text) {
    const tool = (name, label, act) =>
      element("button", "", [icon(name)], { type: "button", title: label, "aria-label": label, "data-tool": name, onclick: act });
    this.tools = element("div", "mg-tools", [
      tool("pan", text.pan, () => this.mode("pan")),
      tool("lasso", text.lasso, () => this.mode("lasso")),
      tool("select", text.box, () => this.mode("select")),
      element("i"),
      tool("closer", text.closer, () => this.map.zoom(0.7)),
      tool("farther", text.farther, () => this.map.zoom(1 / 0.7)),
      tool("reset", text.reset, () => this.map.reset()),
      element("i"),
      tool("unwarp", text.unwarp, () => this.unwarp(!this.unwarping)),
      tool("find", text.find, () => this.openFind()),
      tool("mine", text.mine, () => this.setTriggerValue("upload", ++this.seq)),
      tool("take", text.take, () => this.openTake()),
    ], { role: "toolbar", "aria-label": text.tools });
    this.tools.addEventListener("pointerdown", (event) => event.stopPropagation());
    this.finder = element("input", "", [], { type: "search", placeholder: text.find_placeholder, "aria-label": text.find,
      onkeydown: (event) => this.findKey(event) });
    this.panel = element("div", "mg-panel", [], { hidden: "" });
    for (const name of ["pointerdown", "wheel", "dblclick", "keydown"]) this.panel.addEventListener(name, (event) => event.stopPropagation());
    this.sprites = new Sprites(this.live, { drawn: () => this.overlay() });
    this.legend = element("div", "mg-legend", [], { role: "group", "aria-label": text.legend });
    this.notice = new Notice();
    this.hint = element("div", "mg-hint", [text.hint]);
    this.lens = element("canvas", "mg-picture", [], { "aria-hidden": "true" });
    this.loupe = element("div", "mg-loupe", [element("figure", "", [this.lens])], { hidden: "" });
    this.field = element("div", "mg-map", [], { tabindex: "0", role: "application", "aria-label": text.map_label });
    this.stage = new Stage(text, this.live, { neighbour: ({ row }) => this.pin({ row }), settled: () => this.lines && this.overlay() });
    this.tray = new Tray(text, this.live, {
      say: (sentence, action) => this.say(sentence, action),
      share: (pins) => this.share(pins),
      walk: () => this.setTriggerValue("walk", ++this.seq),
    });
    this.trust = new Trust(text, { known: (columns) => this.trusted(columns), panel: () => this.setTriggerValue("trust", ++this.seq) });
    this.forming = new Forming(text, {
      say: (sentence) => this.say(sentence),
      done: (made) => this.setTriggerValue("made", { seq: ++this.seq, made }),
    });
    this.again = new Forming(text, { say: (sentence) => this.say(sentence), done: (made) => {
      this.again.element.remove();
      if (made) this.askStability(true);
    } });
    this.where = null; // the one of them that the hand is on
    this.others = []; // maps beside this one
    this.chosen = []; // rows that a lasso holds
    this.fields = element("div", "mg-fields", [this.field]);
    this.root = element("div", "mg mg-explore", [this.trust.element, this.fields, this.stage.element, this.tray.element]);
    this.host.append(this.root);
    this.field.append(this.loupe, this.tools, this.legend, this.notice.element, this.hint, this.forming.element, this.panel);
  }

  async update({ data, setStateValue, setTriggerValue }) {
    const first = !this.sent;
    const changed = first || data.mapUrl !== this.data.mapUrl;
    const dark = isDark(this.host);
    const recolour = data.colourBy !== this.data.colourBy || dark !== this.dark;
    Object.assign(this, { data, setStateValue, setTriggerValue, sent: true, dark });
    this.root.classList.toggle("mg-dark", dark);
    this.tray.update(data);
    this.hint.textContent = data.dims === 3 ? data.text.hint_space : data.text.hint;
    if (changed) {
      this.field.dataset.painted = "";
      try {
        const url = data.mapUrl;
        const columns = await loadColumns(url);
        if (this.data.mapUrl !== url) return;
        this.columns = columns;
      } catch (problem) {
        return this.say(fill(data.text.map_failed, { why: problem.message }));
      }
    }
    if (changed && this.columns) this.trust.load(data.trustUrl);
    if (changed) {
      this.stretch = this.steady = this.ghosts = this.haunted = this.bent = null;
      this.again.update(null);
      this.again.element.remove();
    }
    if (data.colourBy === "stability" && this.columns) this.askStability();
    this.besides(changed || recolour);
    this.placePins();
    if (data.colourBy === "stretch" && this.columns) this.askStretch();
    if (this.columns) this.forming.update(data.forming, this.columns.label, dark);
    if ((changed || recolour) && this.columns) {
      const shown = this.map.show(this.columns, { plotlyUrl: data.plotlyUrl, colourBy: data.colourBy, classes: data.classes, dark,
        after: new Promise((done) => (this.pictured = done)) });
      this.chips();
      if (changed) this.begin();
      await shown.catch(() => this.say(data.text.plotly_failed));
    }
  }

  // The maps beside this one: those that are asked for come, the others go.
  besides(again) {
    const { beside, text, plotlyUrl, colourBy, classes } = this.data;
    const look = { plotlyUrl, colourBy, classes, dark: this.dark };
    this.others.filter((other) => !beside.some(({ map }) => map === other.map)).forEach((other) => other.destroy());
    const had = this.others;
    this.others = beside.map((shown) => {
      const known = had.find(({ map }) => map === shown.map);
      const other = known ?? new Beside(text, {
        hover: (from, place, pixel, moment, pressed) => this.hover(place, pixel, moment, pressed, from),
        pin: (from, place) => this.pin({ at: from.view.lift(place), map: from.map }),
        select: (from, polygon, hidden) => this.select(from, polygon, hidden),
        moved: (from) => this.overlayOf(from),
      });
      this.fields.append(other.element);
      if (!known) other.view.setMode(this.map.mode);
      if (!known || again) other.update(shown, look).catch((problem) => this.say(fill(text.map_failed, { why: problem.message })));
      return other;
    });
    this.fields.dataset.maps = this.others.length + 1;
    if (had.length !== this.others.length) this.chosen = [];
    if (this.where && !this.others.includes(this.where)) this.return();
  }

  // The loupe comes back to the first map.
  return() {
    this.where = null;
    this.field.append(this.loupe);
    this.loupe.hidden = true;
  }

  // On a map beside: the codes near the hand, what a lasso holds, and its own lasso.
  overlayOf(other) {
    const pen = other.view.overlay.getContext("2d");
    if (!other.view.columns?.x) return;
    pen.clearRect(0, 0, ...other.view.size());
    drawElsewhere(pen, other.view, this.elsewhere(other));
    this.drawPins(pen, other.view, other.map);
    other.view.drawPath(pen);
  }

  elsewhere(where) {
    const near = this.others.length && this.header && this.where !== where ? this.header.neighbours.map(({ row }) => row) : [];
    const accent = getComputedStyle(this.host).getPropertyValue("--st-primary-color");
    return { near, chosen: this.from === where ? [] : this.chosen, dark: this.dark, accent };
  }

  // --- the picture under the hand ---------------------------------------------------------------------------------

  // `where` is the map beside that the hand is on, null on the first.
  hover(place, pixel, moment, pressed = false, where = null) {
    this.touring = false;
    if (this.where !== where) {
      if (where) where.field.append(this.loupe);
      else this.return();
      this.where = where;
      this.rest();
    }
    this.loupe.classList.toggle("mg-away", pressed && this.map.mode !== "pan"); // nothing in the way of a lasso
    this.hint.style.opacity = 0;
    this.look(place, pixel, moment);
  }

  look(place, pixel, moment) {
    const view = this.where?.view ?? this.map;
    if (!this.where) this.place = place;
    this.moveLoupe(pixel, view.size());
    if (!this.where) this.rest();
    if (this.bent?.towards && (this.where || !this.insideLens())) this.straighten();
    const { model } = this.data;
    const map = this.where?.map ?? this.data.map;
    this.live.ask("hover", { op: "hover", model, map, at: view.lift(place), k: NEIGHBOURS }, (reply) => this.show(reply), moment);
  }

  moveLoupe([x, y], [width, height]) {
    this.loupe.hidden = false;
    this.loupe.style.transform = `translate(${x}px, ${y}px)`;
    this.loupe.classList.toggle("mg-left", x > width - 170);
    this.loupe.classList.toggle("mg-up", y > height - 170);
  }

  show(reply) {
    if (reply.error) return this.say(reply.error);
    this.header = reply.header;
    if (this.header.map === this.data.map) remember(this.columns, this.header.where);
    draw(this.lens, reply, 0);
    this.loupe.dataset.level = this.header.level;
    this.field.dataset.shown = this.header.id;
    this.stage.show(reply);
    if (this.others.length) {
      this.others.forEach((other) => this.overlayOf(other));
      if (this.where) this.overlay();
    }
    this.pictured?.();
  }

  // The figures of this map have come: its least trusted points turn hollow, and it can be coloured by them.
  trusted(columns) {
    if (!this.columns) return;
    if (this.columns.many) return this.map.renew();
    const { hollow, ...values } = columns;
    Object.assign(this.columns, values);
    this.columns.hollow = new Uint8Array(this.columns.x.length);
    for (const row of hollow) this.columns.hollow[row] = 1;
    this.map.restyle();
    this.chips();
  }

  // Of many points, those of another view have come.
  viewed() {
    const { total, sent } = this.columns.many;
    Object.assign(this.field.dataset, { total, sent, views: 1 + Number(this.field.dataset.views ?? 0) });
    if (this.stretch?.cells) this.layStretch();
    this.chips();
  }

  // How much the picture changes for a step here: as a colour of the points, and as ellipses of equal change.
  async askStretch() {
    const { stretchUrl } = this.data;
    if (this.stretch?.url === stretchUrl) return;
    this.stretch = { url: stretchUrl };
    this.say(this.data.text.stretch_waiting);
    try {
      const response = await fetch(stretchUrl);
      const found = await response.json();
      if (this.data.stretchUrl !== stretchUrl) return;
      if (!response.ok) return this.say(found.error);
      this.stretch = { url: stretchUrl, ...found };
      this.layStretch();
      this.notice.hide();
      this.map.restyle();
      this.chips();
      this.overlay();
    } catch {
      this.stretch = null;
    }
  }

  // Each point has the figure of the cell it lies in.
  layStretch() {
    const { cells, cell, low } = this.stretch;
    const known = new Map(cells.map(([column, row, log]) => [`${column} ${row}`, log]));
    const { x, y } = this.columns;
    const cellOf = (value, axis) => Math.floor((value - low[axis]) / cell);
    this.columns.stretch = Float32Array.from(x, (_, i) => known.get(`${cellOf(x[i], 0)} ${cellOf(y[i], 1)}`) ?? NaN);
  }

  // How steady the map is: where it was not found out yet it is made again for that, in the background.
  async askStability(again = false) {
    const { stabilityUrl, text, mapTitle } = this.data;
    if (this.steady?.url === stabilityUrl && !again) return;
    this.steady = { url: stabilityUrl };
    try {
      const response = await fetch(stabilityUrl);
      if (this.data.stabilityUrl !== stabilityUrl) return;
      if (response.status !== 200) {
        const about = await response.json();
        if (!response.ok) return this.say(about.error);
        this.forming.element.after(this.again.element);
        this.again.update({ url: about.url, title: fill(text.again_title, { map: mapTitle }) }, this.columns.label, this.dark);
        return;
      }
      const found = columnsOf(await response.arrayBuffer());
      if (this.data.stabilityUrl !== stabilityUrl) return;
      const { maps, typical } = found.header;
      this.steady = { url: stabilityUrl, ...found.header };
      if (this.columns.many) this.map.renew();
      else this.columns.stability = found.stability;
      this.say(fill(text.again_said, { n: maps, share: (100 * typical).toFixed(0) }));
      this.map.restyle();
      this.chips();
    } catch {
      this.steady = null;
    }
  }

  // Where a point came to lie each time the map was made again; `stays` once it was clicked.
  async askGhosts(row, stays) {
    const { ghostsUrl } = this.data;
    if (row === null || !this.steady?.maps || this.data.colourBy !== "stability") return;
    try {
      const response = await fetch(`${ghostsUrl}/${row}`);
      if (!response.ok || this.data.ghostsUrl !== ghostsUrl) return;
      const found = await response.json();
      if (stays) this.haunted = found;
      else if (this.map.rowAt(this.place, REACH) === row) this.ghosts = found;
      this.field.dataset.ghosts = row;
    } catch {
      return; // the line is down: another rest asks again
    }
    this.overlay();
  }

  // --- un-warping: the surroundings of the point under a resting hand move to where their true distances put them ----

  unwarp(on) {
    this.unwarping = on;
    this.tools.querySelector('[data-tool="unwarp"]').setAttribute("aria-pressed", String(on));
    if (!on) this.straighten();
    else if (this.place) this.askKin();
  }

  async askUnwarped(row) {
    const { unwarpUrl } = this.data;
    if (row === null || this.bent?.rows[0] === row) return;
    if (this.bent && this.insideLens()) return;
    try {
      const response = await fetch(`${unwarpUrl}/${row}`);
      if (!response.ok || this.data.unwarpUrl !== unwarpUrl || !this.unwarping || this.map.rowAt(this.place, REACH) !== row) return;
      this.bent = { ...(await response.json()), share: 0, towards: 1 };
      remember(this.columns, this.bent.where);
      this.field.dataset.unwarped = row;
      this.glide();
    } catch {
      return; // the line is down: another rest asks again
    }
  }

  insideLens() {
    const middle = this.pixelOf(this.bent.rows[0]);
    const hand = this.map.toPixel(this.place);
    return Math.hypot(hand[0] - middle[0], hand[1] - middle[1]) < LENS;
  }

  // Where a row is seen; null for one of many that is not known here.
  pixelOf(row) {
    const place = placeOf(this.columns, row);
    return place && this.map.toPixel(place);
  }

  straighten() {
    if (!this.bent) return;
    this.bent.towards = 0;
    this.glide();
  }

  glide() {
    const bent = this.bent;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    let last = performance.now();
    cancelAnimationFrame(this.gliding);
    const step = (now) => {
      if (this.bent !== bent) return;
      const change = calm ? 1 : Math.max(0, now - last) / (bent.towards ? GLIDE : GLIDE / 2);
      last = now;
      bent.share = bent.towards ? Math.min(1, bent.share + change) : Math.max(0, bent.share - change);
      if (!bent.towards && !bent.share) {
        this.bent = null;
        delete this.field.dataset.unwarped;
      }
      this.overlay();
      if (bent.share !== bent.towards) this.gliding = requestAnimationFrame(step);
    };
    this.gliding = requestAnimationFrame(step);
  }

  drawUnwarped(pen) {
    const { rows, places, true: near, share } = this.bent;
    const eased = share * share * (3 - 2 * share);
    const [mx, my] = this.pixelOf(rows[0]);
    const veil = pen.createRadialGradient(mx, my, 0, mx, my, LENS);
    const paper = this.dark ? "18,20,26" : "255,255,255";
    veil.addColorStop(0, `rgba(${paper},${0.9 * eased})`);
    veil.addColorStop(0.8, `rgba(${paper},${0.8 * eased})`);
    veil.addColorStop(1, `rgba(${paper},0)`);
    pen.fillStyle = veil;
    pen.beginPath();
    pen.arc(mx, my, LENS, 0, 7);
    pen.fill();
    const steps = places.map((place) => this.map.toPixel(place)).map(([px, py]) => [px - mx, py - my]);
    const reach = Math.max(...steps.filter((_, i) => near[i]).map((step) => Math.hypot(...step)), 1e-3);
    const larger = Math.max(1, (0.72 * LENS) / reach); // as through a glass: what is close together is seen apart
    for (let i = rows.length - 1; i >= 0; i--) {
      const row = rows[i];
      const [ax, ay] = this.pixelOf(row) ?? [mx, my];
      const far = Math.hypot(...steps[i]) * larger;
      const held = larger * Math.min(1, (1.5 * LENS) / Math.max(far, 1)); // an intruder leaves, but not the map
      const [bx, by] = [mx + held * steps[i][0], my + held * steps[i][1]];
      const [px, py] = [ax + (bx - ax) * eased, ay + (by - ay) * eased];
      pen.strokeStyle = pen.fillStyle = this.map.colourOf(labelOf(this.columns, row));
      pen.globalAlpha = 0.35;
      pen.lineWidth = 1;
      pen.beginPath();
      pen.moveTo(ax, ay);
      pen.lineTo(px, py);
      pen.stroke();
      pen.globalAlpha = 1;
      pen.lineWidth = 1.8;
      pen.beginPath();
      pen.arc(px, py, i ? 4.5 : 7, 0, 7);
      if (near[i] || !i) pen.fill();
      else pen.stroke(); // the map put it here, but it is no neighbour
    }
    pen.strokeStyle = this.dark ? "#fff" : "#14161e";
    pen.beginPath();
    pen.arc(mx, my, 8, 0, 7);
    pen.stroke();
  }

  drawGhosts(pen, { row, places }) {
    const [px, py] = this.pixelOf(row) ?? [0, 0];
    pen.strokeStyle = this.dark ? "#fff" : "#14161e";
    pen.fillStyle = this.dark ? "rgba(255,255,255,.5)" : "rgba(20,22,30,.42)";
    pen.lineWidth = 1;
    for (const place of places) {
      spoke(pen, [px, py], this.map.toPixel(place), 0.55, 5);
      pen.stroke();
    }
    pen.lineWidth = 2.4;
    pen.beginPath();
    pen.arc(px, py, 6, 0, 7);
    pen.stroke();
  }

  drawEllipses(pen) {
    const { cells, cell, low } = this.stretch;
    const [unit] = [this.map.size()[0] / (this.map.view.x1 - this.map.view.x0)];
    const [from, to] = this.map.range() ?? [0, 1];
    pen.globalAlpha = 0.5; // the factor as a heat map, the points still seen through it
    for (const [column, row, log] of cells) {
      const [px, py] = this.map.toPixel([low[0] + column * cell, low[1] + (row + 1) * cell]);
      pen.fillStyle = `rgb(${between(Math.max(0, Math.min(1, (log - from) / (to - from || 1))))})`;
      pen.fillRect(px, py, cell * unit + 0.5, cell * unit + 0.5);
    }
    pen.globalAlpha = 1;
    pen.lineWidth = 1.2;
    pen.strokeStyle = this.dark ? "rgba(255,255,255,.8)" : "rgba(20,22,30,.72)";
    for (const [column, row, , long, short, angle] of cells) {
      const [px, py] = this.map.toPixel([low[0] + (column + 0.5) * cell, low[1] + (row + 0.5) * cell]);
      const size = 0.3 * cell * unit;
      const radius = (axis) => Math.min(Math.max(size * axis, 1), 1.6 * size);
      pen.beginPath();
      pen.ellipse(px, py, radius(long), radius(short), -angle, 0, 7);
      pen.stroke();
    }
  }

  // The point under a resting hand: its true nearest codes are asked for, so that lines can run to them.
  async askKin() {
    const row = this.map.rowAt(this.place, REACH);
    const { model, map, kinUrl } = this.data;
    this.askGhosts(row, false);
    if (this.unwarping) this.askUnwarped(row);
    if (row === null) return (this.kin = null);
    if (this.kin?.row === row && this.kin.map === map) return;
    try {
      const response = await fetch(`${kinUrl}/${row}`);
      const kin = response.ok ? await response.json() : null;
      if (this.data.model !== model || this.data.map !== map || this.map.rowAt(this.place, REACH) !== row) return;
      this.kin = kin && { ...kin, map };
      remember(this.columns, kin?.where);
    } catch {
      this.kin = null;
    }
    this.overlay();
  }

  // Lines to the neighbours are drawn where the hand rests; while it moves they would only be in the way.
  rest() {
    clearTimeout(this.resting);
    if (this.lines) {
      this.lines = false;
      this.kin = this.ghosts = null;
      delete this.field.dataset.kin;
      this.overlay();
    }
    this.resting = setTimeout(() => {
      this.lines = true;
      this.overlay();
      if (!this.touring) this.askKin();
    }, REST);
  }

  overlay() {
    const pen = this.map?.overlay?.getContext("2d");
    if (!pen || !this.columns?.x) return;
    const [width, height] = this.map.size();
    pen.clearRect(0, 0, width, height);
    this.sprites.draw(pen, this.map, this.columns);
    this.map.drawPath(pen);
    if (this.others.length) drawElsewhere(pen, this.map, this.elsewhere(null));
    if (this.where) return this.drawPins(pen);
    if (this.data.colourBy === "stretch" && this.stretch?.cells) this.drawEllipses(pen);
    if (this.bent) {
      this.drawUnwarped(pen);
      return this.drawPins(pen);
    }
    const ghosts = this.data.colourBy === "stability" ? [this.haunted, this.ghosts].filter(Boolean) : [];
    for (const one of ghosts) this.drawGhosts(pen, one);
    if (this.lines && this.ghosts) return this.drawPins(pen);
    if (this.lines && this.kin?.map === this.data.map) this.drawKin(pen);
    else if (this.lines && this.header && this.place) {
      const [px, py] = this.map.toPixel(this.place);
      pen.lineWidth = 1.4;
      pen.strokeStyle = pen.fillStyle = this.dark ? "rgba(255,255,255,.75)" : "rgba(20,22,30,.6)";
      for (const { row } of this.header.neighbours) {
        const end = this.pixelOf(row);
        if (end) spoke(pen, [px, py], end, 0.45, 2.6);
      }
    }
    this.drawPins(pen);
  }

  drawPins(pen, view = this.map, map = this.data.map) {
    this.tray.pins.forEach((pin, i) => {
      const at = pin.model === this.data.model && placeOn(pin, map);
      if (!at) return;
      const [px, py] = view.toPixel(at);
      pen.globalAlpha = 1;
      pen.beginPath();
      pen.arc(px, py, 10, 0, 7);
      pen.fillStyle = getComputedStyle(this.host).getPropertyValue("--st-primary-color");
      pen.fill();
      pen.lineWidth = 2;
      pen.strokeStyle = "#fff";
      pen.stroke();
      pen.fillStyle = "#fff";
      pen.font = "700 12px sans-serif";
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      pen.fillText(String(i + 1), px, py + 0.5);
    });
  }

  // From a point to its true nearest codes: calm where the map keeps them beside it, amber and dashed where it tore them off.
  drawKin(pen) {
    const [px, py] = this.pixelOf(this.kin.row) ?? this.map.toPixel(this.place);
    const warn = getComputedStyle(this.root).getPropertyValue("--mg-edge");
    pen.lineWidth = 1.6;
    this.kin.rows.forEach((row, i) => {
      const kept = this.kin.kept[i];
      pen.strokeStyle = pen.fillStyle = kept ? (this.dark ? "rgba(255,255,255,.8)" : "rgba(20,22,30,.7)") : warn;
      pen.setLineDash(kept ? [] : [5, 4]);
      const end = this.pixelOf(row);
      if (end) spoke(pen, [px, py], end, kept ? 0.7 : 0.85, 2.8);
    });
    pen.setLineDash([]);
    pen.beginPath();
    pen.arc(px, py, 5, 0, 7);
    pen.strokeStyle = this.dark ? "#fff" : "#14161e";
    pen.lineWidth = 2;
    pen.stroke();
    this.field.dataset.kin = this.kin.row;
  }

  // Until a hand arrives the loupe wanders from group to group, or crowd to crowd, by itself: the page is never empty.
  begin() {
    const centres = this.map.centres().map(([, place]) => place);
    const stops = centres.length ? centres : this.map.crowds();
    const met = this.place; // a hand has been here, or another map was shown: no second tour
    this.look(stops[0], this.map.toPixel(stops[0]));
    if (met || matchMedia("(prefers-reduced-motion: reduce)").matches || stops.length < 2) return;
    this.touring = true;
    const began = performance.now();
    const columns = this.columns;
    let last = 0;
    const wander = (now) => {
      if (!this.touring || this.columns !== columns || now - began > TOUR_SECONDS * 1000 || !this.host.isConnected) return;
      requestAnimationFrame(wander);
      if (now - last < 30 || document.hidden) return;
      last = now;
      const position = Math.max(0, now - began) / 2600;
      const leg = Math.floor(position);
      const share = 0.5 - 0.5 * Math.cos(Math.PI * (position - leg));
      const [a, b] = [stops[leg % stops.length], stops[(leg + 1) % stops.length]];
      const place = [a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])];
      if (this.map.camera) this.map.turn(0.006, 0);
      this.look(place, this.map.toPixel(place), now);
    };
    requestAnimationFrame(wander);
  }

  // --- the legend ---------------------------------------------------------------------------------------------------

  chips() {
    const { classes, text, colourBy } = this.data;
    this.legend.replaceChildren();
    if (colourBy !== "label") {
      const ends = [text[`low_${colourBy}`] ?? text.low, text[`high_${colourBy}`] ?? text.high];
      this.legend.append(element("span", "mg-scale", [element("span", "", [ends[0]]), element("span"), element("span", "", [ends[1]])]));
    }
    for (const group of this.map.groups.keys()) {
      if (group < 0) continue;
      const swatch = element("b", "", [], { style: `background:${this.map.colourOf(group)}` });
      const chip = element("button", "mg-chip", [swatch, classes[group] ?? String(group)],
        { type: "button", "aria-pressed": "true", title: text.legend_help });
      const turn = (alone) => {
        for (const view of [this.map, ...this.others.map((other) => other.view)]) view.toggle(group, alone);
        [...this.legend.querySelectorAll(".mg-chip")].forEach((other) =>
          other.setAttribute("aria-pressed", String(!this.map.hidden.has(Number(other.dataset.group)))));
      };
      chip.dataset.group = group;
      chip.addEventListener("click", (event) => turn(event.shiftKey));
      chip.addEventListener("dblclick", (event) => { event.stopPropagation(); turn(true); });
      chip.addEventListener("pointerdown", (event) => event.stopPropagation());
      this.legend.append(chip);
    }
    if (colourBy === "stretch") this.legend.append(element("span", "mg-key", [text.ellipses], { title: text.ellipses_help }));
    if (colourBy === "stability" && this.steady?.maps)
      this.legend.append(element("span", "mg-key", [element("b", "mg-ghost"), text.ghosts_key], { title: text.ghosts_help }));
    const many = this.columns?.many;
    if (many) {
      const said = many.sent < many.total ? text.many_some : text.many_all;
      const count = { sent: many.sent.toLocaleString(), total: many.total.toLocaleString() };
      this.legend.append(element("span", "mg-key mg-count", [fill(said, count)], { title: text.many_help, role: "status" }));
    }
    if (this.columns?.hollow?.includes(1))
      this.legend.append(element("span", "mg-key", [element("b", "mg-ring"), text.hollow], { title: text.hollow_help }));
    this.map.settle();
  }

  // How many px of the map's head and foot the tools and the legend cover; on a wide map the tools stand in a corner.
  edges() {
    const narrow = this.tools.offsetWidth > NARROW * this.field.clientWidth;
    return [narrow ? this.tools.offsetHeight + EDGE : 0, this.legend.offsetHeight + EDGE];
  }

  // --- pins ---------------------------------------------------------------------------------------------------------

  pin(what, click = {}) {
    const { model } = this.data;
    const map = what.map ?? this.data.map;
    if (!this.tray.hasRoom()) return;
    const message = what.row === undefined ? { op: "hover", at: what.at, k: 1, want_code: true } : { op: "rows", rows: [what.row], want_code: true };
    this.live.ask(`pin-${++this.seq}`, { ...message, model, map }, (reply) => {
      if (click.undone) return;
      if (reply.error) return this.say(reply.error);
      const code = reply.header.code ?? reply.header.codes[0];
      const at = what.at ?? reply.header.at[0];
      click.pin = this.tray.add({ code, at, model, map }, reply);
    });
  }

  // A click pins; a double click shows all of the map, and pins nothing. (The browser's own dblclick goes to Plotly's cover.)
  click(place, pixel) {
    const now = performance.now();
    const before = this.clicked;
    if (before && now - before.now < TWICE && Math.hypot(pixel[0] - before.pixel[0], pixel[1] - before.pixel[1]) < 8) {
      before.undone = true;
      if (before.pin) this.tray.drop(before.pin);
      this.clicked = null;
      return this.map.reset();
    }
    this.clicked = { now, pixel };
    this.askGhosts(this.map.rowAt(place, REACH), true);
    this.pin({ at: this.map.lift(place) }, this.clicked);
  }

  // A pin lies on every map: where it was not set by hand, its code is placed.
  placePins() {
    const { model } = this.data;
    for (const map of [this.data.map, ...this.others.map((other) => other.map)]) {
      const lost = this.tray.pins.filter((pin) => pin.model === model && !placeOn(pin, map));
      if (!lost.length) continue;
      this.live.ask(`places-${map}`, { op: "decode", model, map, codes: lost.map(({ code }) => code) }, (reply) => {
        if (reply.error) return;
        lost.forEach((pin, i) => ((pin.places ??= {})[map] = reply.header.at[i]));
        this.field.dataset.placed = lost.length;
        this.overlay();
        this.others.forEach((other) => this.overlayOf(other));
      });
    }
  }

  share(pins) {
    this.placePins();
    this.overlay();
    this.setStateValue("tray", { seq: ++this.seq, pins });
  }

  // --- finding and taking away ------------------------------------------------------------------------------------

  open(content) {
    const same = !this.panel.hidden && this.panel.contains(content[0]);
    this.panel.hidden = same;
    if (!same) this.panel.replaceChildren(...content);
    return !same;
  }

  openFind() {
    if (this.open([this.finder])) this.finder.focus();
  }

  // A class's name, or # and a row: the map goes there, and so does the loupe.
  findKey(event) {
    if (event.key === "Escape") return (this.panel.hidden = true);
    if (event.key !== "Enter") return;
    const { text, classes } = this.data;
    const asked = this.finder.value.trim();
    const n = this.columns.header.codes;
    const width = this.map.box.x1 - this.map.box.x0;
    const row = /^#\s*\d+$/.test(asked) ? Number(asked.slice(1)) : null;
    const group = classes.findIndex((name) => name.toLowerCase() === asked.toLowerCase());
    let place = null;
    if (row !== null && row < n) {
      if (!placeOf(this.columns, row)) return this.askWhere(row, event);
      place = placeOf(this.columns, row);
      this.map.goTo(this.map.flat(place), width / CLOSE);
    } else if (row === null && group >= 0) {
      place = this.map.centres().find(([other]) => other === group)?.[1];
      if (place) this.map.goTo(place, width / 3.5);
    }
    if (!place) return this.say(fill(text.find_none, { asked: asked.slice(0, 40), n: (n - 1).toLocaleString() }));
    this.panel.hidden = true;
    this.field.focus();
    this.touring = false;
    this.hint.style.opacity = 0;
    this.look(place, this.map.toPixel(place));
  }

  // One of many points that is not in view: the server knows where it lies.
  askWhere(row, event) {
    const { model, map } = this.data;
    this.live.ask("find", { op: "rows", rows: [row], model, map }, (reply) => {
      if (reply.error) return this.say(reply.error);
      remember(this.columns, { rows: [row], at: reply.header.at, labels: [-1] });
      this.findKey(event);
    });
  }

  openTake() {
    const { text } = this.data;
    this.takers ??= KINDS.map((kind) => element("button", "mg-button", [text[`take_${kind}`]], { type: "button", onclick: async () => {
      this.panel.hidden = true;
      if (!(await take(kind, { map: this.map, columns: this.columns, data: this.data, said: this.trust.header ? this.trust.words.textContent : "" }))) this.say(this.data.text.take_wait);
    } }));
    this.open(this.takers);
  }

  // --- selection, keys, notices --------------------------------------------------------------------------------------

  mode(mode) {
    for (const view of [this.map, ...(this.others ?? []).map((other) => other.view)]) view.setMode(mode);
    for (const button of this.tools.querySelectorAll("[data-tool]"))
      if (["pan", "lasso", "select"].includes(button.dataset.tool)) button.setAttribute("aria-pressed", String(button.dataset.tool === mode));
  }

  // A lasso on the first map, or on one beside it: what it holds is shown on all of them.
  select(from, polygon, hidden) {
    const view = from?.view ?? this.map;
    this.from = from;
    this.chosen = polygon && this.others.length ? rowsInside(view, polygon) : [];
    for (const other of [this.map, ...this.others.map((one) => one.view)]) if (other !== view && polygon) other.path = null;
    this.overlay();
    this.others.forEach((other) => this.overlayOf(other));
    const map = from?.map ?? this.data.map;
    this.setStateValue("selection", polygon ? { seq: ++this.seq, polygon, hidden, map, ...view.camera?.view() } : null);
  }

  keys() {
    this.mode("pan");
    this.field.addEventListener("keydown", (event) => {
      if (event.target !== this.field || !this.columns) return;
      const step = event.shiftKey ? 40 : 8;
      const turns = { ArrowLeft: [0.15, 0], ArrowRight: [-0.15, 0], ArrowUp: [0, 0.15], ArrowDown: [0, -0.15] };
      if (event.altKey && turns[event.key] && this.map.camera) {
        event.preventDefault();
        return this.map.turn(...turns[event.key]);
      }
      const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
      if (moves[event.key]) {
        const [width, height] = this.map.size();
        const [x, y] = this.map.toPixel(this.place ?? this.map.toPlace([width / 2, height / 2]));
        const pixel = [Math.min(width, Math.max(0, x + moves[event.key][0])), Math.min(height, Math.max(0, y + moves[event.key][1]))];
        this.hover(this.map.toPlace(pixel), pixel, event.timeStamp);
      } else if (event.key === "Enter" || event.key === " ") this.place && this.pin({ at: this.map.lift(this.place) });
      else if (event.key === "+" || event.key === "=") this.map.zoom(0.7);
      else if (event.key === "-") this.map.zoom(1 / 0.7);
      else if (event.key === "0") this.map.reset();
      else if (event.key === "/") this.openFind();
      else if (event.key === "u") this.unwarp(!this.unwarping);
      else if (event.key === "l") this.mode("lasso");
      else if (event.key === "Escape") { this.mode("pan"); this.map.clearSelection(); }
      else return;
      event.preventDefault();
    });
  }

  connection(state) {
    if (state === "lost") this.say(this.data.text.lost, null, true);
    else if (state === "open" && this.lost) this.say(this.data.text.back);
    this.lost = state === "lost";
    this.root.dataset.connection = state;
  }

  say(sentence, action = null, stays = false) {
    this.hint.style.opacity = 0;
    this.notice.say(sentence, action, stays);
  }

  destroy() {
    this.touring = false;
    this.offState();
    this.others.forEach((other) => other.destroy());
    this.map.destroy();
    this.root.remove();
  }
}

// Where a pin lies on a map; null where that is not known yet.
function placeOn(pin, map) {
  return (pin.map === map && pin.at) || (pin.places?.[map] ?? null);
}

// A line from one place to another, and a dot where it ends.
function spoke(pen, [px, py], [x, y], opacity, radius) {
  pen.globalAlpha = opacity;
  pen.beginPath();
  pen.moveTo(px, py);
  pen.lineTo(x, y);
  pen.stroke();
  pen.globalAlpha = 1;
  pen.beginPath();
  pen.arc(x, y, radius, 0, 7);
  pen.fill();
}

export default function mount(component) {
  const host = component.parentElement;
  host.manigen ??= new Explore(host, component.data);
  host.manigen.update(component);
  return () => {
    host.manigen?.destroy();
    delete host.manigen;
  };
}
