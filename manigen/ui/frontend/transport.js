// Play, pause, speed, and what happens at the end: the clock that moves a walk by itself.

import { element, icon } from "./parts.js";

const SPEEDS = [0.25, 0.5, 1, 2, 4];

export class Transport {
  // on: { move(t), rest(), position(), turned(there_and_back) where that is kept }; `seconds` is how long one way takes at speed 1, `held` stops the clock
  constructor(text, on) {
    Object.assign(this, { text, on, seconds: 4, way: 1, there_and_back: true, low: 0, high: 1 });
    this.button = element("button", "mg-play", [icon("play")], { type: "button", onclick: () => this.toggle() });
    this.speed = element("select", "mg-speed", SPEEDS.map((speed) =>
      element("option", "", [`${speed}×`], { value: speed, ...(speed === 1 ? { selected: "" } : {}) })), { "aria-label": text.speed, title: text.speed });
    this.turn = element("button", "mg-round", [], { type: "button", onclick: () => {
      this.setTurn(!this.there_and_back);
      this.on.turned?.(this.there_and_back);
    } });
    this.element = element("div", "mg-transport", [this.button, this.speed, this.turn]);
    this.setTurn(true);
    this.paint();
  }

  get playing() {
    return Boolean(this.frame);
  }

  setTurn(there_and_back) {
    this.there_and_back = there_and_back;
    if (!there_and_back) this.way = 1;
    const label = there_and_back ? this.text.bounce : this.text.loop;
    this.turn.replaceChildren(icon(there_and_back ? "bounce" : "loop"));
    this.turn.title = label;
    this.turn.setAttribute("aria-label", label);
  }

  toggle() {
    if (this.playing) return this.pause();
    let before = performance.now();
    const step = (now) => {
      this.frame = requestAnimationFrame(step);
      const share = ((Math.min(100, now - before) / 1000) * Number(this.speed.value)) / this.seconds;
      before = now;
      if (!this.held) this.on.move(this.next(this.on.position(), Math.max(0, share)));
    };
    this.frame = requestAnimationFrame(step);
    this.paint();
  }

  pause() {
    this.stop();
    this.paint();
    this.on.rest();
  }

  stop() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
  }

  next(t, share) {
    const { low, high } = this; // 0 and 1, or past both
    let to = t + this.way * share;
    if (this.there_and_back) {
      if (to > high || to < low) this.way = -this.way;
      to = to > high ? 2 * high - to : to < low ? 2 * low - to : to;
    } else if (to > high) to -= high - low;
    return Math.min(high, Math.max(low, to));
  }

  paint() {
    const label = this.playing ? this.text.pause : this.text.play;
    this.button.replaceChildren(icon(this.playing ? "pause" : "play"));
    this.button.title = label;
    this.button.setAttribute("aria-label", label);
    this.button.setAttribute("aria-pressed", String(this.playing));
  }
}
