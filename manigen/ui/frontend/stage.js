// The stage: one picture large and crisp, how far it can be trusted, the readouts, the nearest real codes.

import { element, fill } from "./parts.js";
import { draw } from "./picture.js";

export const NEIGHBOURS = 6;
const PACE = 80; // ms from a picture to its words
const LABELS = ["distance", "gap", "hand", "device"];

export class Stage {
  // on: { neighbour(neighbour) when its picture is chosen, settled(header) once words and small pictures are drawn }
  constructor(text, live, on = {}, numbers = LABELS) {
    Object.assign(this, { text, live, on, numbers });
    this.big = element("canvas", "mg-picture", [], { role: "img", "aria-label": text.generated });
    this.smoother = element("button", "mg-smoother", [text.smooth], { type: "button", onclick: () => this.smooth() });
    this.frame = element("div", "mg-frame", [this.big, element("span", "mg-tag", [text.generated]), this.smoother]);
    this.verdict = element("div", "mg-verdict", [], { "aria-live": "polite" });
    const readouts = element("dl", "mg-numbers");
    this.heading = element("div", "mg-head", [text.neighbours]);
    this.near = element("div", "mg-near");
    this.element = element("section", "mg-stage", [this.frame, this.verdict, readouts,
      this.heading, this.near], { "aria-label": text.stage_label });
    for (let i = 0; i < NEIGHBOURS; i++)
      this.near.append(element("button", "", [element("canvas", "mg-picture"), element("span")],
        { type: "button", title: text.pin_this, onclick: () => this.choose(i) }));
    this.values = {};
    for (const key of numbers) {
      this.values[key] = element("dd", "", ["–"]);
      readouts.append(element("dt", "", [text[key]], { title: text[`${key}_help`] ?? "" }), this.values[key]);
    }
  }

  // Other words: of a model that was never shown a picture's code, some things are not true.
  speak(text) {
    this.text = text;
    this.heading.textContent = text.neighbours;
  }

  // Draw a reply's first picture now; its words and small pictures follow at a pace that can be read.
  show(reply) {
    const { header } = reply;
    draw(this.big, reply, 0);
    this.level = [header.level].flat()[0];
    this.frame.dataset.level = this.level;
    this.header = header;
    this.reply = reply;
    if (this.settling) return;
    this.settling = true;
    setTimeout(() => requestAnimationFrame(() => {
      this.settling = false;
      this.settle();
    }), PACE);
  }

  settle() {
    const { text, values, header, reply } = this;
    this.verdict.dataset.level = this.level; // along with its words
    this.verdict.replaceChildren(element("b", "", [text[`level_${this.level}`]]), ` ${text[`level_${this.level}_more`]}`);
    const times = (key) => values[key] && (values[key].textContent = fill(text.times, { value: [header[key]].flat()[0].toFixed(2) }));
    times("distance");
    times("gap");
    const median = this.live.median();
    values.hand.textContent = median === null ? "–" : fill(text.milliseconds, { value: median.toFixed(0) });
    values.device.textContent = header.device;
    const asked = header.shape[0] - header.neighbours.length;
    header.neighbours.slice(0, NEIGHBOURS).forEach((neighbour, i) => {
      const button = this.near.children[i];
      draw(button.firstChild, reply, asked + i);
      button.lastChild.textContent = neighbour.label || "·";
      button.setAttribute("aria-label", fill(text.neighbour_label, { name: neighbour.label, distance: neighbour.distance.toFixed(2) }));
    });
    this.on.settled?.(header);
  }

  choose(i) {
    const neighbour = this.header?.neighbours[i];
    if (neighbour) this.on.neighbour?.(neighbour);
  }

  smooth() {
    const smooth = this.element.closest(".mg").classList.toggle("mg-smooth");
    this.smoother.textContent = smooth ? this.text.crisp : this.text.smooth;
  }
}
