// Forming: a small card over the map while another one is being made; it shows the points finding their places.

import { element, fill } from "./parts.js";
import { PALETTE } from "./map.js";

const AGAIN = 300; // ms between two looks
const SIDE = 190; // px

export class Forming {
  // on: { done(), say(sentence) }
  constructor(text, on) {
    this.text = text;
    this.on = on;
    this.title = element("b", "", []);
    this.canvas = element("canvas", "", [], { width: 2 * SIDE, height: 2 * SIDE, "aria-hidden": "true" });
    this.words = element("span", "", [], { role: "status" });
    this.bar = element("progress", "", [], { max: "1" });
    this.stop = element("button", "mg-button", [text.fit_stop], { type: "button", onclick: () => this.end() });
    this.element = element("section", "mg-making", [this.title, this.canvas, this.bar, this.words, this.stop],
      { hidden: "", "aria-label": text.fit_label });
    for (const name of ["pointerdown", "wheel", "dblclick"]) this.element.addEventListener(name, (event) => event.stopPropagation());
  }

  // What is being made: { url, title } or null; `label` are the codes' classes, for their colours.
  async update(order, label, dark) {
    Object.assign(this, { label, dark });
    if (!order) {
      this.url = null;
      this.element.hidden = true;
      return;
    }
    if (order.url === this.url) return;
    this.url = order.url;
    this.title.textContent = order.title;
    this.words.textContent = "";
    this.bar.removeAttribute("value");
    this.canvas.getContext("2d").clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.canvas.hidden = true;
    this.element.hidden = false;
    await this.watch(order.url);
  }

  async watch(url) {
    let step = -1;
    while (this.url === url) {
      try {
        const response = await fetch(`${url}?since=${step}`);
        if (this.url !== url) return;
        if (response.status === 404) return this.leave((await response.json()).error);
        const buffer = await response.arrayBuffer();
        const length = new DataView(buffer).getUint32(0, true);
        const about = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
        if (about.state === "done") return this.leave(null, true);
        if (about.state === "failed") return this.leave(about.error);
        if (about.state === "stopped") return this.leave(this.text.fit_stopped);
        step = about.step;
        this.tell(about);
        const places = new Uint16Array(buffer, 4 + length);
        if (places.length) this.draw(places);
      } catch {
        this.words.textContent = this.text.lost;
      }
      await new Promise((done) => setTimeout(done, AGAIN));
    }
  }

  tell({ state, waiting, share, words, left }) {
    if (state === "waiting") this.words.textContent = fill(this.text.fit_waiting, { n: waiting });
    else {
      this.bar.value = share;
      const soon = left === null ? "" : ` · ${fill(this.text.fit_left, { seconds: left < 10 ? Math.ceil(left) : 10 * Math.ceil(left / 10) })}`;
      this.words.textContent = `${this.text[`fit_${words.replaceAll(" ", "_")}`] ?? words}${soon}`;
    }
  }

  draw(places) {
    const count = places.length / 2;
    const pen = this.canvas.getContext("2d");
    const side = this.canvas.width;
    const every = Math.max(1, Math.ceil(this.label.length / count));
    this.canvas.hidden = false;
    pen.clearRect(0, 0, side, side);
    pen.globalAlpha = 0.7;
    const size = count > 4000 ? 2 : 3;
    for (let i = 0; i < count; i++) {
      const group = this.label[i * every];
      pen.fillStyle = group < 0 ? (this.dark ? "#8a8f98" : "#9aa0a8") : PALETTE[group % PALETTE.length];
      pen.fillRect(8 + (places[2 * i] / 65535) * (side - 16), side - 8 - (places[2 * i + 1] / 65535) * (side - 16), size, size);
    }
  }

  end() {
    this.words.textContent = this.text.fit_stopping;
    fetch(`${this.url}/stop`, { method: "POST" });
  }

  leave(sentence, made = false) {
    this.url = null;
    this.element.hidden = true;
    if (sentence) this.on.say(sentence);
    this.on.done(made);
  }
}
