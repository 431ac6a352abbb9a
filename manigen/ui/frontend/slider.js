// One slider: its name and effect, a film of what it would show as its track, the present picture as its thumb.
//
// Its value is in standard deviations of the real codes. The film reaches from -reach to reach; a code may lie beyond,
// and the thumb then waits at the end of the track with an arrow while the number tells the truth.

import { element, fill, icon, MOVE } from "./parts.js";
import { stripOf } from "./picture.js";

const STEP = 0.1; // of an arrow key, in standard deviations
const LEAP = 0.5; // of page up and page down
const OPAQUE = { alpha: false }; // a canvas that hides what is behind it costs the browser a third less to show
const THICK = { near: 1.5, edge: 3, far: 4 }; // px: the line under the film

export class Slider {
  // on: { turn(slider, s, moment), hold(slider | null), reset(slider) }
  constructor(i, reach, text, on) {
    Object.assign(this, { i, reach, text, on, s: 0, stamp: -1, trusted: -1, visible: false });
    this.name = element("b");
    this.note = element("span", "mg-note");
    this.bar = element("i", "mg-bar", [element("i")]);
    this.number = element("span", "mg-number");
    this.film = element("canvas", "mg-picture mg-film-strip", [], { "aria-hidden": "true" });
    this.trust = element("canvas", "mg-trust", [], { "aria-hidden": "true" });
    this.face = element("canvas", "mg-picture", [], { "aria-hidden": "true" });
    this.thumb = element("div", "mg-thumb", [this.face]);
    this.rail = element("div", "mg-rail", [this.thumb]);
    this.track = element("div", "mg-track", [this.film, element("i", "mg-middle"), this.rail, this.trust], {
      role: "slider", tabindex: "0", "aria-valuemin": -reach, "aria-valuemax": reach, "aria-orientation": "horizontal" });
    this.value = element("output", "mg-value");
    this.back = element("button", "mg-back", [icon("reset")], { type: "button", onclick: () => on.reset(this) });
    this.element = element("div", "mg-row", [
      element("div", "mg-what", [this.name, this.note, element("div", "mg-effect", [this.bar, this.number], { title: text.effect_help })]),
      this.track, element("div", "mg-end", [this.value, this.back])], { role: "listitem" });
    this.element.addEventListener("dblclick", (event) => { if (event.target.closest(".mg-back") === null) on.reset(this); });
    this.listen();
    this.place(0);
  }

  // What it is called, what it stands for, and how much it moves the picture (null while that is being measured).
  describe(name, note, help, effect, most, digits) {
    this.name.textContent = name;
    this.note.textContent = note;
    this.name.title = help;
    this.label = name;
    this.bar.firstChild.style.width = effect === null ? "0" : `${(100 * effect) / (most || 1)}%`;
    this.number.textContent = effect === null ? "…" : effect.toFixed(digits);
    const words = effect === null ? name : fill(this.text.slider_label, { name, effect: effect.toFixed(digits) });
    this.track.setAttribute("aria-label", words);
    const back = fill(this.text.reset_one, { name });
    this.back.title = back;
    this.back.setAttribute("aria-label", back);
  }

  // --- where it stands ------------------------------------------------------------------------------------------------

  place(s) {
    this.s = s;
    const shown = Math.min(this.reach, Math.max(-this.reach, s));
    this.rail.style.transform = `translateX(${(100 * (shown + this.reach)) / (2 * this.reach)}%)`; // moves without a new layout
    const beyond = s > this.reach + 0.005 ? "right" : s < -this.reach - 0.005 ? "left" : "";
    if (this.track.dataset.beyond !== beyond) this.track.dataset.beyond = beyond;
    const words = spoken(s);
    this.value.textContent = fill(this.text.deviations, { value: words });
    this.back.disabled = Math.abs(s) < 5e-4;
    this.track.setAttribute("aria-valuenow", shown.toFixed(2));
    this.track.setAttribute("aria-valuetext", fill(this.text.deviations_long, { value: words }));
  }

  // --- what it shows --------------------------------------------------------------------------------------------------

  // The present picture on the thumb.
  wear(image) {
    if (this.face.width !== image.width || this.face.height !== image.height) [this.face.width, this.face.height] = [image.width, image.height];
    this.face.getContext("2d", OPAQUE).putImageData(image, 0, 0);
  }

  // `stops` pictures of a reply, from number `first` on, side by side.
  paint(reply, first, stops) {
    const film = stripOf(reply, first, stops);
    if (this.film.width !== film.width || this.film.height !== film.height) [this.film.width, this.film.height] = [film.width, film.height];
    this.film.getContext("2d", OPAQUE).putImageData(film, 0, 0);
  }

  // A line under the film: thin where the pictures are near the data, thicker and amber, then thick, red and broken.
  tell(levels, colours) {
    const ratio = devicePixelRatio || 1;
    const [width, height] = [this.trust.clientWidth || 300, 6];
    [this.trust.width, this.trust.height] = [width * ratio, height * ratio];
    const pen = this.trust.getContext("2d");
    pen.scale(ratio, ratio);
    for (let from = 0, to; from < levels.length; from = to) {
      const level = levels[from];
      for (to = from + 1; to < levels.length && levels[to] === level; to++);
      pen.strokeStyle = colours[level];
      pen.lineWidth = THICK[level];
      pen.setLineDash(level === "far" ? [5, 4] : []);
      pen.beginPath();
      pen.moveTo((from * width) / levels.length, height / 2);
      pen.lineTo((to * width) / levels.length, height / 2);
      pen.stroke();
    }
    const trusted = levels.filter((level) => level === "near").length;
    this.track.title = fill(this.text.trust, { near: trusted, all: levels.length });
  }

  // --- the hand -------------------------------------------------------------------------------------------------------

  listen() {
    let frame = null;
    const turn = (event) => {
      const share = (event.clientX - frame.left) / frame.width;
      this.on.turn(this, Math.min(1, Math.max(0, share)) * 2 * this.reach - this.reach, event.timeStamp);
    };
    this.track.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      frame = this.track.getBoundingClientRect();
      this.track.setPointerCapture(event.pointerId);
      this.track.focus({ preventScroll: true });
      this.on.hold(this);
      const grabbed = event.target === this.thumb || event.target === this.face;
      if (grabbed) {
        // Taken by the thumb, it moves from where it is: no jump by the width of a finger.
        const middle = this.thumb.getBoundingClientRect();
        const off = event.clientX - (middle.left + middle.width / 2);
        frame = { left: frame.left + off, width: frame.width };
      } else turn(event);
    });
    this.track.addEventListener(MOVE, (event) => frame && turn(event));
    for (const over of ["pointerup", "pointercancel", "lostpointercapture"])
      this.track.addEventListener(over, () => {
        if (!frame) return;
        frame = null;
        this.on.hold(null);
      });
    this.track.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const moves = { ArrowRight: STEP, ArrowUp: STEP, ArrowLeft: -STEP, ArrowDown: -STEP, PageUp: LEAP, PageDown: -LEAP };
      if (event.key === "Home") this.on.reset(this);
      else if (moves[event.key]) {
        // From the grid of tenths, so that the way there and back ends where it began.
        const s = Math.round((this.s + moves[event.key]) * 1e4) / 1e4;
        this.on.turn(this, Math.min(Math.max(this.reach, this.s), Math.max(Math.min(-this.reach, this.s), s)), event.timeStamp);
      } else return;
      event.preventDefault();
    });
  }
}

// A position in words: its sign, and two digits.
export function spoken(s) {
  const sign = s < -0.005 ? "−" : s > 0.005 ? "+" : "";
  return sign + Math.abs(s).toFixed(2);
}
