// The ends of a walk: a row of pictures above the film, each where the walk meets it. They can be removed, put in
// another order by hand or by arrow keys, and every change can be undone.

import { element, fill } from "./parts.js";

const UNDOS = 50;

export class Ends {
  // on: { change(), say(sentence, action), visit(t) when a picture is clicked, legs(names) when a leg's kind is chosen }
  constructor(text, on) {
    Object.assign(this, { text, on, list: [], history: [], legs: null, beyond: 0 });
    this.row = element("div", "mg-slots");
    this.word = element("span");
    this.element = element("div", "mg-ends", [this.row, element("p", "mg-word", [this.word], { role: "status" })], { role: "group", "aria-label": text.ends_label });
  }

  get length() {
    return this.list.length;
  }

  get codes() {
    return this.list.map((end) => end.code);
  }

  // Where end number i is met.
  t(i) {
    return this.length > 1 ? i / (this.length - 1) : 0.5;
  }

  // Where along the film t lies, which goes on past both ends by `beyond`.
  share(t) {
    return (t + this.beyond) / (1 + 2 * this.beyond);
  }

  setBeyond(beyond) {
    this.beyond = beyond;
    this.show();
  }

  // --- changes --------------------------------------------------------------------------------------------------------

  // What the page has chosen.
  adopt(codes) {
    const before = this.list;
    this.list = codes.map((code) => ({ code, canvas: element("canvas", "mg-picture") }));
    if (before.length) this.remember(before);
    this.show();
    return before.length > 0;
  }

  forget() {
    this.list = [];
    this.history = [];
  }

  change(list, sentence) {
    this.remember(this.list);
    this.list = list;
    this.show();
    if (sentence) this.on.say(sentence, [this.text.undo, () => this.undo()]);
    this.on.change();
  }

  add(code) {
    this.change([...this.list, { code, canvas: element("canvas", "mg-picture") }], fill(this.text.end_added, { n: this.length + 1 }));
  }

  remove(i) {
    this.change(this.list.filter((_, at) => at !== i), fill(this.text.end_removed, { n: i + 1 }));
  }

  move(from, to) {
    const list = [...this.list];
    list.splice(to, 0, ...list.splice(from, 1));
    this.change(list);
    this.row.querySelectorAll(".mg-end")[to]?.focus();
  }

  // End i has been dragged on the map to another code.
  replace(i, code) {
    this.change(this.list.map((end, at) => (at === i ? { code, canvas: end.canvas } : end)));
  }

  remember(list) {
    this.history.push(list);
    if (this.history.length > UNDOS) this.history.shift();
  }

  undo() {
    if (!this.history.length) return;
    this.list = this.history.pop();
    this.show();
    this.on.change();
  }

  // Which legs lead nowhere: [i] where end i and the next are one code.
  twins() {
    const same = (a, b) => a.every((value, at) => Math.fround(value) === Math.fround(b[at]));
    return this.codes.slice(1).flatMap((code, i) => (same(code, this.codes[i]) ? [i] : []));
  }

  // --- the row --------------------------------------------------------------------------------------------------------

  show() {
    const { text } = this;
    this.row.style.setProperty("--ends", 1 + (this.length - 1) * (1 + 2 * this.beyond));
    this.element.dataset.ends = this.length;
    this.word.textContent = [text.ends_none, text.ends_one, text.walk_hint][this.length] ?? "";
    this.row.replaceChildren(...this.list.map((end, i) => {
      const remove = element("button", "mg-unend", ["×"], { type: "button", tabindex: "-1", "aria-label": fill(text.end_remove, { n: i + 1 }),
        title: fill(text.end_remove, { n: i + 1 }), onclick: () => this.remove(i) });
      const face = element("button", "mg-end", [end.canvas, element("span", "", [String(i + 1)])], {
        type: "button", "aria-label": fill(text.end_label, { n: i + 1, m: this.length }), "aria-keyshortcuts": "Delete ArrowLeft ArrowRight" });
      const slot = element("div", "mg-slot", [face, remove], { style: `--t:${this.share(this.t(i))}` });
      face.addEventListener("keydown", (event) => this.key(event, i));
      this.carry(slot, face, i);
      return slot;
    }), ...this.menus());
  }

  // Between two ends, where each leg is of its own kind: which. `legs` are the kinds' names, null where nobody asked.
  setLegs(legs, choices) {
    if (JSON.stringify([legs, choices]) === JSON.stringify([this.legs, this.choices])) return;
    Object.assign(this, { legs, choices });
    this.show();
  }

  menus() {
    if (!this.legs || this.legs.length !== this.length - 1) return [];
    return this.legs.map((leg, i) => {
      const words = fill(this.text.walk_leg, { a: i + 1, b: i + 2 });
      const menu = element("select", "mg-leg", this.choices.map(({ name, title }) => element("option", "", [title], { value: name })), {
        "aria-label": words, title: words, style: `--t:${this.share((this.t(i) + this.t(i + 1)) / 2)}` });
      menu.value = leg;
      menu.addEventListener("change", () => this.on.legs(this.legs.map((other, at) => (at === i ? menu.value : other))));
      return menu;
    });
  }

  key(event, i) {
    if (event.key === "Delete" || event.key === "Backspace") this.remove(i);
    else if (event.key === "ArrowLeft" && i > 0) this.move(i, i - 1);
    else if (event.key === "ArrowRight" && i < this.length - 1) this.move(i, i + 1);
    else if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    event.stopPropagation();
  }

  // Drag a picture along the row into another place.
  carry(slot, face, i) {
    let from = null;
    face.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      from = event.clientX;
      face.setPointerCapture(event.pointerId);
    });
    face.addEventListener("pointermove", (event) => {
      if (from === null) return;
      slot.classList.toggle("mg-carried", Math.abs(event.clientX - from) > 5);
      slot.style.setProperty("--dx", `${event.clientX - from}px`);
    });
    const end = (event) => {
      if (from === null) return;
      from = null;
      const carried = slot.classList.contains("mg-carried");
      slot.classList.remove("mg-carried");
      slot.style.setProperty("--dx", "0px");
      if (event.type !== "pointerup") return;
      if (!carried) return this.on.visit(this.t(i));
      const slots = [...this.row.children].map((other) => other.getBoundingClientRect());
      const to = slots.reduce((best, box, at) => {
        const off = Math.abs((box.left + box.right) / 2 - event.clientX);
        return off < best[0] ? [off, at] : best;
      }, [Infinity, i])[1];
      if (to !== i) this.move(i, to);
    };
    for (const name of ["pointerup", "pointercancel"]) face.addEventListener(name, end);
  }
}
