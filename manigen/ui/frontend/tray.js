// The tray: pinned pictures, kept by the session and shared by the pages.

import { element, fill } from "./parts.js";
import { draw } from "./picture.js";

export class Tray {
  // on: { say(sentence, action), share(pins) after every change, walk() for its button, choose(pin) when one is clicked,
  // analogy(a, b, c) with the codes of the first three pins }
  constructor(text, live, on) {
    Object.assign(this, { text, live, on, pins: [] });
    this.element = element("section", "mg-tray", [], { "aria-label": text.tray_label });
  }

  // What the page knows: take its pins over when it has changed them itself, and repaint them for another model.
  update({ tray, most, model }) {
    const changed = tray.epoch !== this.epoch;
    const repaint = changed || model !== this.model;
    Object.assign(this, { most, model, epoch: tray.epoch });
    if (changed) this.pins = tray.pins.map((pin) => ({ ...pin, canvas: element("canvas", "mg-picture") }));
    if (repaint) {
      this.paint();
      this.draw();
    }
  }

  // Pictures of pins come from the model on screen; those of another model keep what they have.
  paint() {
    const mine = this.pins.filter((pin) => pin.model === this.model);
    if (!mine.length) return;
    this.live.ask("tray", { op: "decode", model: this.model, codes: mine.map((pin) => pin.code) }, (reply) => {
      if (!reply.error) mine.forEach((pin, i) => draw(pin.canvas, reply, i));
    });
  }

  // Whether one more may be pinned; says so in words where not.
  hasRoom() {
    if (this.pins.length < this.most) return true;
    this.on.say(fill(this.text.tray_full, { n: this.most }));
    return false;
  }

  add(pin, reply) {
    const canvas = element("canvas", "mg-picture");
    draw(canvas, reply, 0);
    const added = { ...pin, canvas };
    this.pins.push(added);
    this.change();
    return added;
  }

  // Take back what was added.
  drop(pin) {
    this.pins = this.pins.filter((other) => other !== pin);
    this.change();
  }

  remove(at) {
    const [gone] = this.pins.splice(at, 1);
    this.change();
    this.on.say(this.text.unpinned, [this.text.undo, () => { this.pins.splice(at, 0, gone); this.change(); }]);
  }

  clear() {
    const before = this.pins;
    this.pins = [];
    this.change();
    this.on.say(this.text.cleared, [this.text.undo, () => { this.pins = before; this.change(); }]);
  }

  change() {
    this.draw();
    this.on.share(this.pins.map(({ code, at, model, map }) => ({ code, at, model, map })));
  }

  draw() {
    const { text, model } = this;
    this.element.dataset.full = String(this.pins.length > 0);
    this.element.replaceChildren();
    if (!this.pins.length) return this.element.append(element("p", "", [text.tray_empty]));
    this.pins.forEach((pin, i) => {
      const picture = this.on.choose && pin.model === model
        ? element("button", "mg-face", [pin.canvas], { type: "button", title: text.start_here, "aria-label": fill(text.start_pin, { n: i + 1 }),
          onclick: () => this.on.choose(pin) })
        : pin.canvas;
      const remove = element("button", "mg-unpin", ["×"], { type: "button", "aria-label": fill(text.unpin, { n: i + 1 }), onclick: () => this.remove(i) });
      this.element.append(element("div", "mg-pin", [picture, element("span", "", [String(i + 1)]), remove]));
    });
    const here = this.pins.filter((pin) => pin.model === model);
    this.element.append(element("button", "mg-button mg-push", [text.clear], { type: "button", onclick: () => this.clear() }));
    if (this.on.analogy) this.element.append(this.analogy(here.slice(0, 3)));
    this.element.append(
      element("button", "mg-button mg-main", [text.walk_between], {
        type: "button", ...(here.length < 2 ? { disabled: "", title: text.walk_needs_two } : {}), onclick: () => this.on.walk(),
      }));
  }

  // 1 − 2 + 3: what is to the third pin as the first is to the second.
  analogy(three) {
    const { text } = this;
    const [a, b, c] = three.length < 3 ? [1, 2, 3] : three.map((pin) => this.pins.indexOf(pin) + 1);
    return element("button", "mg-button", [fill(text.analogy, { a, b, c })], {
      type: "button", title: fill(text[three.length < 3 ? "analogy_needs_three" : "analogy_help"], { a, b, c }),
      ...(three.length < 3 ? { disabled: "" } : {}), onclick: () => this.on.analogy(...three.map((pin) => pin.code)) });
  }
}
