// Explore: the map with its loupe, the stage beside it, the tray below.

import { live } from "./live.js";
import { loadColumns, MapView } from "./map.js";
import { element, fill, icon, isDark, Notice } from "./parts.js";
import { draw } from "./picture.js";

const NEIGHBOURS = 6;
const TOUR_SECONDS = 40; // how long the loupe wanders by itself before the first hand arrives

class Explore {
  constructor(host, data) {
    this.host = host;
    this.data = data;
    this.pins = [];
    this.seq = 0;
    this.build(data.text);
    this.live = live();
    this.offState = this.live.onState((state) => this.connection(state));
    this.map = new MapView(this.field, {
      hover: (place, pixel, moment, pressed) => this.hover(place, pixel, moment, pressed),
      leave: () => {},
      pin: (place) => this.pin({ at: place }),
      select: (polygon, hidden = []) => this.select(polygon, hidden),
      moved: () => this.overlay(),
    });
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
    ], { role: "toolbar", "aria-label": text.tools });
    this.tools.addEventListener("pointerdown", (event) => event.stopPropagation());
    this.legend = element("div", "mg-legend", [], { role: "group", "aria-label": text.legend });
    this.notice = new Notice();
    this.hint = element("div", "mg-hint", [text.hint]);
    this.lens = element("canvas", "mg-picture", [], { "aria-hidden": "true" });
    this.loupe = element("div", "mg-loupe", [element("figure", "", [this.lens])], { hidden: "" });
    this.field = element("div", "mg-map", [], { tabindex: "0", role: "application", "aria-label": text.map_label });
    this.big = element("canvas", "mg-picture", [], { role: "img", "aria-label": text.generated });
    this.smoother = element("button", "mg-smoother", [text.smooth], { type: "button", onclick: () => this.smooth() });
    this.frame = element("div", "mg-frame", [this.big, element("span", "mg-tag", [text.generated]), this.smoother]);
    this.verdict = element("div", "mg-verdict", [], { "aria-live": "polite" });
    this.numbers = element("dl", "mg-numbers");
    this.near = element("div", "mg-near");
    this.stage = element("section", "mg-stage", [this.frame, this.verdict, this.numbers,
      element("div", "mg-head", [text.neighbours]), this.near], { "aria-label": text.stage_label });
    this.tray = element("section", "mg-tray", [], { "aria-label": text.tray_label });
    this.root = element("div", "mg mg-explore", [this.field, this.stage, this.tray]);
    this.host.append(this.root);
    this.field.append(this.loupe, this.tools, this.legend, this.notice.element, this.hint);
    for (let i = 0; i < NEIGHBOURS; i++) {
      const canvas = element("canvas", "mg-picture");
      const name = element("span");
      this.near.append(element("button", "", [canvas, name], { type: "button", title: text.pin_this, onclick: () => this.pinNeighbour(i) }));
    }
    this.values = {};
    for (const [key, label] of [["distance", text.distance], ["gap", text.gap], ["hand", text.hand], ["device", text.device]]) {
      this.values[key] = element("dd", "", ["–"]);
      this.numbers.append(element("dt", "", [label], { title: text[`${key}_help`] ?? "" }), this.values[key]);
    }
  }

  async update({ data, setStateValue, setTriggerValue }) {
    const first = !this.sent;
    const changed = first || data.mapUrl !== this.data.mapUrl;
    const dark = isDark(this.host);
    const recolour = data.colourBy !== this.data.colourBy || dark !== this.dark;
    Object.assign(this, { data, setStateValue, setTriggerValue, sent: true, dark });
    this.root.classList.toggle("mg-dark", dark);
    if (first || data.tray.epoch !== this.epoch) this.adopt(data.tray);
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
      if (data.model !== this.model) this.refill(); // pictures of the tray come from the model on screen
      this.model = data.model;
    }
    if ((changed || recolour) && this.columns) {
      const shown = this.map.show(this.columns, { plotlyUrl: data.plotlyUrl, colourBy: data.colourBy, classes: data.classes, dark });
      this.chips();
      if (changed) this.begin();
      await shown.catch(() => this.say(data.text.plotly_failed));
    }
  }

  // --- the picture under the hand ---------------------------------------------------------------------------------

  hover(place, pixel, moment, pressed = false) {
    this.touring = false;
    this.loupe.classList.toggle("mg-away", pressed && this.map.mode !== "pan"); // nothing in the way of a lasso
    this.hint.style.opacity = 0;
    this.look(place, pixel, moment);
  }

  look(place, pixel, moment) {
    this.place = place;
    this.moveLoupe(pixel);
    const { model, map } = this.data;
    this.live.ask("hover", { op: "hover", model, map, at: place, k: NEIGHBOURS }, (reply) => this.show(reply), moment);
  }

  moveLoupe([x, y]) {
    const [width, height] = this.map.size();
    this.loupe.hidden = false;
    this.loupe.style.transform = `translate(${x}px, ${y}px)`;
    this.loupe.classList.toggle("mg-left", x > width - 170);
    this.loupe.classList.toggle("mg-up", y > height - 170);
  }

  show(reply) {
    if (reply.error) return this.say(reply.error);
    const { header } = reply;
    draw(this.lens, reply, 0);
    draw(this.big, reply, 0);
    this.frame.dataset.level = this.loupe.dataset.level = this.verdict.dataset.level = header.level;
    this.header = header;
    this.field.dataset.shown = header.id;
    if (!this.settling) {
      this.settling = true; // words and small pictures follow the hand at the screen's own pace
      requestAnimationFrame(() => {
        this.settling = false;
        this.readouts(reply);
      });
    }
  }

  readouts(reply) {
    const { header } = reply;
    const { text } = this.data;
    this.verdict.replaceChildren(element("b", "", [text[`level_${header.level}`]]), ` ${text[`level_${header.level}_more`]}`);
    this.values.distance.textContent = fill(text.times, { value: header.distance.toFixed(2) });
    this.values.gap.textContent = fill(text.times, { value: header.gap.toFixed(2) });
    const median = this.live.median();
    this.values.hand.textContent = median === null ? "–" : fill(text.milliseconds, { value: median.toFixed(0) });
    this.values.device.textContent = header.device;
    header.neighbours.slice(0, NEIGHBOURS).forEach((neighbour, i) => {
      const button = this.near.children[i];
      draw(button.firstChild, reply, i + 1);
      button.lastChild.textContent = neighbour.label || "·";
      button.setAttribute("aria-label", fill(text.neighbour_label, { name: neighbour.label, distance: neighbour.distance.toFixed(2) }));
    });
    this.overlay();
  }

  overlay() {
    const pen = this.map?.overlay?.getContext("2d");
    if (!pen || !this.columns) return;
    const [width, height] = this.map.size();
    pen.clearRect(0, 0, width, height);
    if (this.header && this.place) {
      const [px, py] = this.map.toPixel(this.place);
      pen.lineWidth = 1.4;
      pen.strokeStyle = pen.fillStyle = this.dark ? "rgba(255,255,255,.75)" : "rgba(20,22,30,.6)";
      for (const { row } of this.header.neighbours) {
        const [nx, ny] = this.map.toPixel([this.columns.x[row], this.columns.y[row]]);
        pen.beginPath();
        pen.moveTo(px, py);
        pen.lineTo(nx, ny);
        pen.globalAlpha = 0.45;
        pen.stroke();
        pen.globalAlpha = 1;
        pen.beginPath();
        pen.arc(nx, ny, 2.6, 0, 7);
        pen.fill();
      }
    }
    this.pins.forEach((pin, i) => {
      if (!pin.at || pin.map !== this.data.map || pin.model !== this.data.model) return;
      const [px, py] = this.map.toPixel(pin.at);
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

  // Until a hand arrives the loupe wanders from group to group by itself: the page is never empty.
  begin() {
    const { box } = this.map;
    const centres = this.map.centres().map(([, place]) => place);
    const stops = centres.length ? centres : [[(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2]];
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
      this.look(place, this.map.toPixel(place), now);
    };
    requestAnimationFrame(wander);
  }

  // --- the legend ---------------------------------------------------------------------------------------------------

  chips() {
    const { classes, text, colourBy } = this.data;
    this.legend.replaceChildren();
    if (colourBy !== "label")
      this.legend.append(element("span", "mg-scale", [element("span", "", [text.low]), element("span"), element("span", "", [text.high])]));
    for (const group of this.map.groups.keys()) {
      if (group < 0) continue;
      const swatch = element("b", "", [], { style: `background:${this.map.colourOf(group)}` });
      const chip = element("button", "mg-chip", [swatch, classes[group] ?? String(group)],
        { type: "button", "aria-pressed": "true", title: text.legend_help });
      const turn = (alone) => {
        this.map.toggle(group, alone);
        [...this.legend.querySelectorAll(".mg-chip")].forEach((other) =>
          other.setAttribute("aria-pressed", String(!this.map.hidden.has(Number(other.dataset.group)))));
      };
      chip.dataset.group = group;
      chip.addEventListener("click", (event) => turn(event.shiftKey));
      chip.addEventListener("dblclick", (event) => { event.stopPropagation(); turn(true); });
      chip.addEventListener("pointerdown", (event) => event.stopPropagation());
      this.legend.append(chip);
    }
  }

  // --- pins ---------------------------------------------------------------------------------------------------------

  pin(what) {
    const { model, map, text } = this.data;
    if (this.pins.length >= this.data.most) return this.say(fill(text.tray_full, { n: this.data.most }));
    const message = what.row === undefined ? { op: "hover", at: what.at, k: 1, want_code: true } : { op: "rows", rows: [what.row], want_code: true };
    this.live.ask(`pin-${++this.seq}`, { ...message, model, map }, (reply) => {
      if (reply.error) return this.say(reply.error);
      const code = reply.header.code ?? reply.header.codes[0];
      const canvas = element("canvas", "mg-picture");
      draw(canvas, reply, 0);
      const at = what.at ?? [this.columns.x[what.row], this.columns.y[what.row]];
      this.pins.push({ code, at, model, map, canvas });
      this.share();
    });
  }

  pinNeighbour(i) {
    const neighbour = this.header?.neighbours[i];
    if (neighbour) this.pin({ row: neighbour.row });
  }

  unpin(at) {
    const [gone] = this.pins.splice(at, 1);
    this.share();
    this.say(this.data.text.unpinned, [this.data.text.undo, () => { this.pins.splice(at, 0, gone); this.share(); }]);
  }

  adopt(tray) {
    this.epoch = tray.epoch;
    this.pins = tray.pins.map((pin) => ({ ...pin, canvas: element("canvas", "mg-picture") }));
    this.refill();
    this.drawTray();
  }

  refill() {
    const mine = this.pins.filter((pin) => pin.model === this.data.model);
    if (!mine.length) return;
    this.live.ask("tray", { op: "decode", model: this.data.model, codes: mine.map((pin) => pin.code) }, (reply) => {
      if (!reply.error) mine.forEach((pin, i) => draw(pin.canvas, reply, i));
    });
  }

  share() {
    this.drawTray();
    this.overlay();
    this.setStateValue("tray", { seq: ++this.seq, pins: this.pins.map(({ code, at, model, map }) => ({ code, at, model, map })) });
  }

  drawTray() {
    const { text, model } = this.data;
    const here = this.pins.filter((pin) => pin.model === model);
    this.tray.dataset.full = String(this.pins.length > 0);
    this.tray.replaceChildren();
    if (!this.pins.length) return this.tray.append(element("p", "", [text.tray_empty]));
    this.pins.forEach((pin, i) => {
      const remove = element("button", "", ["×"], { type: "button", "aria-label": fill(text.unpin, { n: i + 1 }), onclick: () => this.unpin(i) });
      this.tray.append(element("div", "mg-pin", [pin.canvas, element("span", "", [String(i + 1)]), remove]));
    });
    this.tray.append(
      element("button", "mg-button mg-push", [text.clear], { type: "button", onclick: () => {
        const before = this.pins;
        this.pins = [];
        this.share();
        this.say(text.cleared, [text.undo, () => { this.pins = before; this.share(); }]);
      } }),
      element("button", "mg-button mg-main", [text.walk_between], {
        type: "button", ...(here.length < 2 ? { disabled: "", title: text.walk_needs_two } : {}),
        onclick: () => this.setTriggerValue("walk", ++this.seq),
      }));
  }

  // --- selection, keys, notices --------------------------------------------------------------------------------------

  mode(mode) {
    this.map.setMode(mode);
    for (const button of this.tools.querySelectorAll("[data-tool]"))
      if (["pan", "lasso", "select"].includes(button.dataset.tool)) button.setAttribute("aria-pressed", String(button.dataset.tool === mode));
  }

  select(polygon, hidden) {
    this.setStateValue("selection", polygon ? { seq: ++this.seq, polygon, hidden } : null);
  }

  keys() {
    this.mode("pan");
    this.field.addEventListener("keydown", (event) => {
      if (event.target !== this.field || !this.columns) return;
      const step = event.shiftKey ? 40 : 8;
      const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
      if (moves[event.key]) {
        const [width, height] = this.map.size();
        const [x, y] = this.map.toPixel(this.place ?? this.map.toPlace([width / 2, height / 2]));
        const pixel = [Math.min(width, Math.max(0, x + moves[event.key][0])), Math.min(height, Math.max(0, y + moves[event.key][1]))];
        this.hover(this.map.toPlace(pixel), pixel, event.timeStamp);
      } else if (event.key === "Enter" || event.key === " ") this.place && this.pin({ at: this.place });
      else if (event.key === "+" || event.key === "=") this.map.zoom(0.7);
      else if (event.key === "-") this.map.zoom(1 / 0.7);
      else if (event.key === "0") this.map.reset();
      else if (event.key === "l") this.mode("lasso");
      else if (event.key === "Escape") { this.mode("pan"); this.map.clearSelection(); }
      else return;
      event.preventDefault();
    });
  }

  smooth() {
    const smooth = this.root.classList.toggle("mg-smooth");
    this.smoother.textContent = smooth ? this.data.text.crisp : this.data.text.smooth;
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
    this.map.destroy();
    this.root.remove();
  }
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
