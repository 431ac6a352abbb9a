// Sliders: one for each direction of the codes, the strongest first. The stage follows every hand; the films under the
// sliders, which all depend on where the others stand, are painted anew at leisure, in the rows that can be seen.

import { live } from "./live.js";
import { element, fill, icon, isDark, Notice } from "./parts.js";
import { imageOf } from "./picture.js";
import { PlaceMap } from "./placemap.js";
import { Slider, spoken } from "./slider.js";
import { NEIGHBOURS, Stage } from "./stage.js";
import { Tray } from "./tray.js";

const FIRST = 12; // rows shown before the button for the rest, where there are more than MANY
const MANY = 24;
const TALL = 56; // px: about how tall a film is
const FEWEST_STOPS = 7;
const MOST_STOPS = 15;
const RAW = 96 * 1024; // bytes of pictures that the server sends as they are
const FEW = 3; // films asked for at once while the hand moves
const PAUSES = [80, 1500]; // ms between two such requests: the longer, the slower the hand's own pictures come
const LATE = 14; // ms from hand to picture, beyond which films are asked for more rarely
const REST = 260; // ms without a move, after which films also tell how far to trust them
const KEEP = 600; // ms after a key, when its move becomes a step of the history
const LOST = 9000; // ms after which a request for films counts as lost
const DRESS = 60; // ms without a new picture, after which every thumb shows the last one
const EACH = 3; // films painted in one frame
const UNDOS = 200;
const KINDS = { numbers: "number", directions: "direction", classes: "class", borders: "border", selections: "selection" }; // what a row is called, by basis
const STUCK = 80; // px: above this the page is scrolled, and what stays in view has the whole height

class Sliders {
  constructor(host, data) {
    this.host = host;
    this.data = data;
    this.live = live();
    this.seq = this.stamp = this.moved = 0;
    this.pause = PAUSES[0];
    this.draws = new Map(); // how often each class was drawn from
    this.sliders = [];
    this.build(data.text);
    this.offState = this.live.onState((state) => this.connection(state));
    this.watcher = new IntersectionObserver((entries) => this.seen(entries), { rootMargin: "120px 0px" });
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(this.list);
    this.onKey = (event) => this.key(event);
    addEventListener("keydown", this.onKey);
    const board = this.root.firstChild;
    this.onScroll = () => this.root.classList.toggle("mg-stuck", board.getBoundingClientRect().top < STUCK);
    addEventListener("scroll", this.onScroll, { capture: true, passive: true });
  }

  build(text) {
    const tool = (name, label, act) =>
      element("button", "", [icon(name)], { type: "button", title: label, "aria-label": label, onclick: act });
    this.undoer = tool("undo", text.undo_move, () => this.undo());
    this.redoer = tool("undo", text.redo_move, () => this.redo());
    this.redoer.classList.add("mg-mirrored");
    const chip = (label, help, act) => element("button", "mg-chip", [label], { type: "button", title: help, onclick: act });
    this.drawer = chip(text.draw, text.draw_help, () => this.draw());
    this.drawer.classList.add("mg-drawer");
    this.classes = element("span", "mg-classes", [], { role: "group", "aria-label": text.start_class });
    this.starts = element("div", "mg-starts", [
      element("span", "mg-lead", [text.start_from]), chip(text.start_mean, text.start_mean_help, () => this.jump(this.mean)),
      this.classes, this.drawer], { role: "group", "aria-label": text.start_from });
    this.notice = new Notice();
    this.list = element("div", "mg-list", [], { role: "list", "aria-label": text.sliders_label });
    this.more = element("button", "mg-button mg-more", [], { type: "button", hidden: "", onclick: () => this.showAll() });
    this.foot = element("p", "mg-foot");
    this.scale = element("div", "mg-row mg-axis", [element("div", "mg-what", [text.effect]), this.ruler(), element("div", "mg-end", [text.value])],
      { "aria-hidden": "true" });
    this.stage = new Stage(words(text), this.live,
      { neighbour: ({ row }) => this.startRow(row), settled: () => this.settled() }, ["distance", "hand", "device"]);
    this.stage.element.append(element("div", "mg-deck", [this.undoer, this.redoer,
      element("button", "mg-pinner", [text.pin_picture], { type: "button", title: text.pin_picture_help, onclick: () => this.pin() })]));
    this.map = new PlaceMap(text, this.live, { start: (code) => this.jump(code), say: (sentence) => this.notice.say(sentence) });
    this.side = element("div", "mg-side", [this.stage.element, this.map.field]);
    this.tray = new Tray(text, this.live, {
      say: (sentence, action) => this.notice.say(sentence, action),
      share: (pins) => this.setStateValue("tray", { seq: ++this.seq, pins }),
      walk: () => this.setTriggerValue("walk", ++this.seq),
      choose: (pin) => this.jump(pin.code),
      analogy: (a, b, c) => this.jump(a.map((value, at) => value - b[at] + c[at])),
    });
    const board = element("div", "mg-board", [this.starts, this.scale, this.list, this.more, this.foot, this.tray.element]);
    this.root = element("div", "mg mg-sliders", [board, this.side, this.notice.element]);
    this.host.append(this.root);
  }

  ruler() {
    const { reach } = this.data;
    const marks = [];
    for (let s = -reach; s <= reach; s++)
      marks.push(element("span", "", [s < 0 ? `−${-s}` : s > 0 ? `+${s}` : "0"], { style: `left:${(100 * (s + reach)) / (2 * reach)}%` }));
    return element("div", "mg-ruler", marks);
  }

  async update({ data, setStateValue, setTriggerValue }) {
    const before = this.sent ? this.data : {};
    const dark = isDark(this.host);
    const recoloured = this.dark !== dark;
    const { model, basis, text } = data;
    const another = model !== before.model;
    Object.assign(this, { data, setStateValue, setTriggerValue, sent: true, dark });
    this.root.classList.toggle("mg-dark", dark);
    this.stage.speak(words(text));
    this.tray.update(data);
    if (another || basis !== before.basis) {
      this.mean = Float32Array.from(data.mean);
      this.units = data.units.map((unit) => Float32Array.from(unit));
      this.along = data.units.map((unit) => unit.map((value) => Number(value.toPrecision(5))));
      this.norms = this.units.map((unit) => unit.reduce((sum, value) => sum + value * value, 0));
      this.furnish();
    }
    this.unsorted ||= another || basis !== before.basis || Boolean(data.effect) !== Boolean(before.effect);
    if (!this.held) this.sort(); // no row moves away under a hand
    this.foot.textContent = fill(text[data.failed ? "effect_failed" : "effect_foot"],
      { n: data.asked, reach: data.reach, share: (100 * data.within).toFixed(1) }) + (data.groups.length ? ` ${text.class_foot}` : "");
    if (another || data.start.epoch !== this.epoch) this.adopt(data.start, another);
    else if (basis !== before.basis) this.stand();
    if (another || data.mapUrl !== before.mapUrl || recoloured) {
      await this.map.show(data, dark);
      this.offer();
      this.look();
    }
    this.sweep();
  }

  // --- rows -----------------------------------------------------------------------------------------------------------

  furnish() {
    this.watcher.disconnect();
    this.held = null;
    const { text, reach, units } = this.data;
    const on = {
      turn: (slider, s, moment) => this.turn(slider, s, moment),
      hold: (slider) => this.hold(slider),
      reset: (slider) => this.reset(slider),
    };
    this.sliders = units.map((_, i) => new Slider(i, reach, text, on));
    this.all = units.length <= MANY;
    for (const slider of this.sliders) {
      slider.element.manigen = slider;
      this.watcher.observe(slider.element);
    }
    this.stamp++;
  }

  // The strongest first; while the effects are still being measured, the directions of largest variance.
  sort() {
    if (!this.unsorted) return;
    this.unsorted = false;
    const { text, effect, share, scale, basis, groups, at, names } = this.data;
    const kind = KINDS[basis.split("~")[0]];
    const most = effect ? Math.max(...effect) : 1;
    for (const slider of this.sliders) {
      const { i } = slider;
      const percent = (100 * share[i]).toFixed(share[i] < 0.1 ? 1 : 0);
      const words = { n: i + 1, i, percent, value: scale[i].toPrecision(3) };
      if (groups.length) Object.assign(words, { name: names[groups[i]] ?? String(groups[i]), at: spoken(at[i]) });
      const [name, note, help] = ["n", "note", "help"].map((part) => fill(text[`${kind}_${part}`] ?? "", words));
      slider.describe(name, note, help, effect ? effect[i] : null, most, most < 0.1 ? 4 : 2);
    }
    const key = effect ?? share;
    this.order = [...this.sliders].sort((a, b) => key[b.i] - key[a.i] || a.i - b.i);
    this.lay();
  }

  lay() {
    const held = document.activeElement;
    const shown = this.all ? this.order : this.order.slice(0, FIRST);
    this.list.replaceChildren(...shown.map((slider) => slider.element));
    if (this.list.contains(held)) held.focus({ preventScroll: true });
    const rest = this.order.length - shown.length;
    this.more.hidden = rest <= 0;
    this.more.textContent = fill(this.data.text.more_rows, { n: rest });
  }

  showAll() {
    const next = this.order[FIRST];
    this.all = true;
    this.lay();
    next?.track.focus({ preventScroll: true });
  }

  seen(entries) {
    for (const { target, isIntersecting } of entries) {
      const slider = target.manigen;
      slider.visible = isIntersecting;
      if (isIntersecting && this.image) slider.wear(this.image);
    }
    this.sweep();
  }

  // As many pictures in a film as fit at about one height, an odd number, so that one is in the middle.
  resize() {
    const width = this.list.querySelector(".mg-track")?.clientWidth;
    if (!width) return;
    const [, height, wide] = this.data.shape;
    const fitting = 2 * Math.floor(width / (TALL * (wide / height)) / 2) + 1;
    const stops = Math.min(MOST_STOPS, Math.max(FEWEST_STOPS, fitting));
    if (stops === this.stops) return;
    this.stops = stops;
    this.list.style.setProperty("--stops", stops);
    this.list.style.setProperty("--proportion", wide / height);
    this.stamp++;
    this.sweep();
  }

  // --- the code -------------------------------------------------------------------------------------------------------

  // What the page has chosen: the link's code, a typical one, an uploaded picture's.
  adopt(start, another) {
    this.epoch = start.epoch;
    const code = read(start.code);
    if (another) {
      this.past = [];
      this.future = [];
      this.code = code;
      this.kept = code.slice();
      this.image = null;
      this.stand();
      this.history();
    } else this.jump(code);
  }

  positions() {
    return this.units.map((unit, i) => {
      let s = 0;
      for (let at = 0; at < unit.length; at++) s += (this.code[at] - this.mean[at]) * unit[at];
      return s / this.norms[i];
    });
  }

  // Put every slider where the code says.
  stand() {
    this.positions().forEach((s, i) => this.sliders[i].place(s));
    this.changed();
  }

  // One slider is turned to s.
  turn(slider, s, moment) {
    const by = s - slider.s;
    if (!by) return;
    const unit = this.units[slider.i];
    for (let at = 0; at < unit.length; at++) if (unit[at]) this.code[at] += by * unit[at];
    slider.place(s);
    if (this.data.groups.length) this.lean(slider);
    this.changed(slider, moment);
    clearTimeout(this.keeper);
    if (!this.held) this.keeper = setTimeout(() => this.keep(), KEEP);
  }

  // Directions of classes are not at right angles: where one slider is turned, others move with it.
  lean(turned) {
    this.positions().forEach((s, i) => this.sliders[i] !== turned && this.sliders[i].place(s));
  }

  reset(slider) {
    this.keep();
    this.turn(slider, 0, performance.now());
    this.keep();
  }

  jump(code) {
    this.code = Float32Array.from(code);
    this.map.lift();
    this.stand();
    this.keep();
  }

  changed(slider = null, moment = null) {
    const stamp = this.stamp++;
    // Its own film does not depend on where a slider stands.
    if (slider && slider.stamp === stamp) slider.stamp = this.stamp;
    if (slider && slider.trusted === stamp) slider.trusted = this.stamp;
    this.moved = performance.now();
    clearTimeout(this.rester);
    this.rester = setTimeout(() => this.rest(), REST);
    this.look(moment);
    this.sweep();
  }

  // The hand rests: films need not wait any longer.
  rest() {
    clearTimeout(this.pausing);
    this.pausing = null;
    this.sweep();
  }

  hold(slider) {
    this.held?.element.classList.remove("mg-held");
    slider?.element.classList.add("mg-held");
    this.held = slider;
    this.root.classList.toggle("mg-holding", slider !== null);
    if (slider) return;
    this.keep();
    this.sort();
  }

  // A move is over: it can be undone, and the link follows.
  keep() {
    clearTimeout(this.keeper);
    if (same(this.code, this.kept)) return;
    this.past.push(this.kept);
    if (this.past.length > UNDOS) this.past.shift();
    this.future = [];
    this.settle();
  }

  undo(from = this.past, to = this.future) {
    this.keep();
    const code = from.pop();
    if (!code) return;
    to.push(this.kept);
    this.code = code.slice();
    this.map.lift();
    this.stand();
    this.settle();
  }

  redo() {
    this.undo(this.future, this.past);
  }

  settle() {
    this.kept = this.code.slice();
    this.history();
    clearTimeout(this.teller);
    const { model } = this.data;
    this.teller = setTimeout(() => this.setStateValue("code", { seq: ++this.seq, model, code: spell(this.kept) }), 300);
  }

  history() {
    this.undoer.disabled = !this.past.length;
    this.redoer.disabled = !this.future.length;
  }

  // --- pictures -------------------------------------------------------------------------------------------------------

  look(moment = null) {
    const { model, map } = this.data;
    this.live.ask("hand", { op: "decode", model, map, codes: [exact(this.code)], k: NEIGHBOURS }, (reply) => {
      this.show(reply);
      this.late ||= moment !== null && performance.now() - moment > LATE;
    }, moment);
  }

  show(reply) {
    if (reply.error) return this.notice.say(reply.error);
    if (reply.header.model !== this.data.model) return;
    this.stage.show(reply);
    this.root.dataset.level = this.stage.level;
    this.root.dataset.shown = reply.header.id;
    this.image = imageOf(reply, 0);
    this.held?.wear(this.image);
  }

  // At the screen's own pace, the place on the map. The other thumbs change with their films, and when the hand rests.
  settled() {
    clearTimeout(this.dresser);
    this.dresser = setTimeout(() => this.dress(), DRESS);
    const { at, map, neighbours } = this.stage.header;
    if (at && map === this.data.map) this.map.stand(at[0], this.stage.level, neighbours);
  }

  dress() {
    for (const slider of this.sliders) if (slider.visible && slider !== this.held) slider.wear(this.image);
  }

  // Films: one request at a time, those that waited longest first. The newest code wins, the hand goes before.
  sweep() {
    const now = performance.now();
    if (!this.stops || !this.code || (this.asked && now - this.asked < LOST) || this.pausing) return;
    const moving = now - this.moved < REST;
    const due = this.sliders.filter((slider) => slider.visible && slider.element.isConnected &&
      (slider.stamp !== this.stamp || (!moving && slider.trusted !== this.stamp)));
    if (!due.length) return;
    const { model, shape, reach, text } = this.data;
    const most = Math.max(1, Math.floor(RAW / (shape[0] * shape[1] * shape[2]) / this.stops));
    const lines = due.sort((a, b) => a.stamp - b.stamp).slice(0, moving ? FEW : Math.min(most, Math.floor(256 / this.stops)));
    const { stops, stamp } = this;
    const at = Array.from({ length: stops }, (_, j) => reach * ((2 * j + 1) / stops - 1));
    this.asked = now;
    const message = { op: "sweep", model, code: exact(this.code), along: lines.map(({ i }) => this.along[i]),
      here: lines.map(({ s }) => Number(s.toFixed(5))), at, levels: !moving };
    this.live.ask("films", message, (reply) => {
      this.asked = 0;
      if (reply.error) return this.notice.say(reply.error);
      if (model === this.data.model && stops === this.stops) {
        for (const slider of lines) {
          slider.stamp = Math.max(slider.stamp, stamp);
          if (reply.header.level) slider.trusted = Math.max(slider.trusted, stamp);
        }
        this.paint(reply, lines, stops);
      }
      const [least, longest] = PAUSES;
      this.pause = Math.min(longest, Math.max(least, this.pause * (this.late ? 1.7 : 0.8)));
      this.late = false;
      this.pausing = setTimeout(() => {
        this.pausing = null;
        this.sweep();
      }, performance.now() - this.moved >= REST ? 0 : this.pause);
    }, null);
  }

  // A few rows in each frame, so that none of them keeps the hand waiting.
  paint(reply, lines, stops, from = 0) {
    const colours = this.colours();
    lines.slice(from, from + EACH).forEach((slider, i) => {
      const first = (from + i) * stops;
      slider.paint(reply, first, stops);
      if (reply.header.level) slider.tell(reply.header.level.slice(first, first + stops), colours);
      if (slider !== this.held && this.image) slider.wear(this.image);
    });
    if (from + EACH < lines.length) requestAnimationFrame(() => this.paint(reply, lines, stops, from + EACH));
  }

  colours() {
    const style = getComputedStyle(this.root);
    const read = (name) => style.getPropertyValue(name).trim();
    return { near: read("--mg-quiet"), edge: read("--mg-edge"), far: read("--mg-far") };
  }

  // --- where to start from --------------------------------------------------------------------------------------------

  // The chips: any real picture, one of each class; a model that reads no pictures has none.
  offer() {
    const { text, classes, encodes } = this.data;
    const members = this.map.members();
    this.classes.replaceChildren();
    if (!encodes || !members.size) return;
    const offer = (label, key, rows, help) => this.classes.append(element("button", "mg-chip", [label],
      { type: "button", title: help, onclick: () => this.startRow(this.next(key, rows)) }));
    offer(text.start_real, "all", this.map.rows(), text.start_real_help);
    if (members.size > 1) for (const [group, rows] of members) offer(classes[group] ?? String(group), group, rows, fill(text.start_class_help, { name: classes[group] ?? group }));
  }

  // Another of these rows each time, the same ones in the same order for everybody.
  next(key, rows) {
    const turn = this.draws.get(key) ?? 0;
    this.draws.set(key, turn + 1);
    return rows[Math.floor(((turn + 1) * 0.6180339887498949 % 1) * rows.length)];
  }

  startRow(row) {
    this.live.ask("start", { op: "rows", model: this.data.model, rows: [row], want_code: true }, (reply) => {
      if (reply.error) return this.notice.say(reply.error);
      if (reply.header.model === this.data.model) this.jump(reply.header.codes[0]);
    }, null);
  }

  draw() {
    const seed = this.seed ?? 0;
    this.live.ask("start", { op: "sample", model: this.data.model, seed }, (reply) => {
      if (reply.error) return this.notice.say(reply.error);
      if (reply.header.model !== this.data.model) return;
      this.seed = seed + 1;
      this.drawer.textContent = fill(this.data.text.drawn, { seed });
      this.jump(reply.header.codes[0]);
    }, null);
  }

  pin() {
    if (!this.tray.hasRoom()) return;
    const { model, map } = this.data;
    const code = exact(this.code);
    this.live.ask(`pin-${++this.seq}`, { op: "decode", model, map, codes: [code] }, (reply) => {
      if (reply.error) return this.notice.say(reply.error);
      this.tray.add({ code, at: reply.header.at?.[0] ?? null, model, map }, reply);
    }, null);
  }

  // --- keys, words, the end -------------------------------------------------------------------------------------------

  key(event) {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.target.closest?.("input, textarea, [contenteditable]")) return;
    const name = event.key.toLowerCase();
    if (name === "z") event.shiftKey ? this.redo() : this.undo();
    else if (name === "y") this.redo();
    else return;
    event.preventDefault();
  }

  connection(state) {
    if (state === "lost") this.notice.say(this.data.text.lost, null, true);
    else if (state === "open" && this.lost) this.notice.say(this.data.text.back);
    this.lost = state === "lost";
    this.root.dataset.connection = state;
  }

  destroy() {
    for (const timer of [this.keeper, this.rester, this.teller, this.dresser, this.pausing]) clearTimeout(timer);
    removeEventListener("keydown", this.onKey);
    removeEventListener("scroll", this.onScroll, { capture: true });
    this.watcher.disconnect();
    this.sizes.disconnect();
    this.offState();
    this.map.destroy();
    this.root.remove();
  }
}

// Here a neighbour's picture is one to start from.
function words(text) {
  return { ...text, pin_this: text.start_here, neighbour_label: text.start_neighbour };
}

// A code as JSON: nine digits give each float32 back bit for bit.
function exact(code) {
  return Array.from(code, (value) => Number(value.toPrecision(9)));
}

// A code as a link spells it: its float32 bytes, little-endian, in URL-safe base64.
function spell(code) {
  return btoa(String.fromCharCode(...new Uint8Array(code.buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

function read(spelled) {
  const raw = atob(spelled.replace(/-/g, "+").replace(/_/g, "/"));
  return new Float32Array(Uint8Array.from(raw, (sign) => sign.charCodeAt(0)).buffer);
}

function same(a, b) {
  return a.length === b.length && a.every((value, at) => value === b[at]);
}

export default function mount(component) {
  const host = component.parentElement;
  host.manigen ??= new Sliders(host, component.data);
  host.manigen.update(component);
  return () => {
    host.manigen?.destroy();
    delete host.manigen;
  };
}
