// A lesson's scene: its knobs, and the pictures, plots and figures that follow them on the live path.

import { live } from "./live.js";
import { element, fill, icon } from "./parts.js";
import { PlotView } from "./plot.js";

const STOPS = 240; // of a slider of real numbers
const LASTS = 14000; // ms that running through a knob takes
const GAP = 8, FILM_GAP = 3; // pixels between two pictures on a wide page; between those of a film with its name above it
const LONG = 560; // pixels from which on a film has its name beside it
const REST = 500; // ms without a turn, after which the knobs are at rest

export class SceneView {
  // on: { rest(knobs) when the hand has left the knobs, say(sentence) }
  constructor(on) {
    Object.assign(this, { on, values: {}, views: [], inputs: new Map(), only: null });
    this.live = live();
    this.controls = element("div", "mg-knobs");
    this.panels = element("div", "mg-panels");
    this.figures = element("dl", "mg-figures", [], { "aria-live": "polite" });
    this.element = element("section", "mg-scene", [this.controls, element("div", "mg-shown", [this.panels, this.figures])]);
  }

  // The knobs named in `shown` can be turned; `values` holds all of them. `only`: how many panels are shown.
  open(lesson, language, text, shown, values, only = null, still = false) {
    Object.assign(this, { lesson, language, text, values: { ...values }, only });
    this.stop();
    const key = JSON.stringify([lesson.name, language, shown, still]);
    if (this.key !== key) {
      this.key = key;
      this.write(shown);
    } else for (const name of this.inputs.keys()) this.inputs.get(name)(this.values[name]);
    this.controls.hidden = still || !this.inputs.size;
    this.element.classList.toggle("mg-still", still);
    this.limit();
    this.ask(null);
  }

  // --- knobs ----------------------------------------------------------------------------------------------------------

  write(shown) {
    this.inputs.clear();
    const rows = this.lesson.knobs.filter((knob) => shown.includes(knob.name) && knob.label).map((knob) => {
      const build = knob.name === "seed" ? this.button : knob.choices.length ? this.choices : knob.type === "bool" ? this.switch : this.range;
      return build.call(this, knob);
    });
    this.controls.replaceChildren(...rows);
  }

  range(knob) {
    const whole = knob.type === "int";
    const { low, high } = knob;
    const [to, from] = knob.log ? [(v) => Math.log(v / low) / Math.log(high / low), (s) => low * (high / low) ** s]
      : [(v) => (v - low) / (high - low), (s) => low + s * (high - low)];
    const stops = whole && !knob.log ? high - low : STOPS;
    const input = element("input", "", [], { type: "range", min: 0, max: stops, step: 1, id: `knob-${knob.name}`, title: knob.help });
    const output = element("output", "", [], { for: `knob-${knob.name}` });
    const write = (value) => {
      const share = Math.round(to(value) * stops);
      if (Number(input.value) !== share) input.value = share;
      output.textContent = whole ? value : Number(value).toFixed(high - low > 20 ? 0 : high - low > 2 ? 1 : 2);
      input.setAttribute("aria-valuetext", output.textContent);
      input.style.setProperty("--share", `${(100 * share) / stops}%`);
    };
    input.addEventListener("input", (event) => {
      const value = from(Number(input.value) / stops);
      this.turn({ [knob.name]: whole ? Math.round(value) : value }, event.timeStamp);
    });
    write(this.values[knob.name]);
    this.inputs.set(knob.name, write);
    const row = element("div", "mg-knob", [element("label", "", [knob.label], { for: `knob-${knob.name}` }), input, output]);
    if (this.lesson.plays === knob.name) row.append(this.player(knob, input));
    return row;
  }

  choices(knob) {
    const buttons = knob.choices.map(({ value, label }) => element("button", "", [label], { type: "button", role: "radio",
      onclick: (event) => this.turn({ [knob.name]: value }, event.timeStamp) }));
    this.inputs.set(knob.name, (now) => buttons.forEach((button, i) => button.setAttribute("aria-checked", knob.choices[i].value === now)));
    this.inputs.get(knob.name)(this.values[knob.name]);
    const group = element("div", "mg-choices", buttons, { role: "radiogroup", "aria-label": knob.label });
    group.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const at = buttons.indexOf(document.activeElement);
      if (!step || at < 0) return;
      event.preventDefault();
      event.stopPropagation();
      const next = (at + step + buttons.length) % buttons.length;
      buttons[next].focus();
      buttons[next].click();
    });
    return element("div", "mg-knob mg-knob-choice", [element("span", "mg-knob-name", [knob.label]), group]);
  }

  switch(knob) {
    const input = element("input", "", [], { type: "checkbox", id: `knob-${knob.name}`, role: "switch",
      onchange: (event) => this.turn({ [knob.name]: input.checked }, event.timeStamp) });
    this.inputs.set(knob.name, (now) => (input.checked = Boolean(now)));
    input.checked = Boolean(this.values[knob.name]);
    return element("div", "mg-knob mg-knob-switch", [input, element("label", "", [knob.label], { for: `knob-${knob.name}` })]);
  }

  button(knob) {
    const write = (seed) => (button.textContent = `${knob.label} · ${fill(this.text.learn_seed, { seed })}`);
    const button = element("button", "mg-button", [], { type: "button", title: knob.help,
      onclick: (event) => this.turn({ seed: (this.values.seed + 1) % (knob.high + 1) }, event.timeStamp) });
    write(this.values.seed);
    this.inputs.set("seed", write);
    return element("div", "mg-knob mg-knob-seed", [button]);
  }

  // Step, slow and run; whichever of the two plays is the way to pause it.
  player(knob, input) {
    const { text } = this;
    const button = (name, words, press) => element("button", "mg-button mg-play", [icon(name), element("span", "", [words])], { type: "button",
      title: words, "aria-label": `${words}: ${knob.label}`, onclick: press });
    const step = button("onward", text.learn_one_step, () => this.tick(knob));
    this.players = [[1 / 4, button("slow", text.learn_slow, () => this.play(knob, 1 / 4))], [1, button("play", text.learn_run, () => this.play(knob, 1))]];
    for (const [, one] of this.players) one.setAttribute("aria-pressed", "false");
    const keys = { " ": () => this.play(knob, this.playing ?? 1), s: () => this.tick(knob), l: () => this.play(knob, 1 / 4) };
    input.title = text.learn_play_keys;
    input.addEventListener("keydown", (event) => {
      const press = !event.ctrlKey && !event.metaKey && !event.altKey && keys[event.key.toLowerCase()];
      if (!press) return;
      event.preventDefault();
      event.stopPropagation();
      press();
    });
    return element("div", "mg-player", [step, ...this.players.map(([, one]) => one)]);
  }

  tick(knob) {
    this.stop();
    const now = this.values[knob.name];
    this.turn({ [knob.name]: now >= knob.high ? knob.low : Math.min(knob.high, now + this.lesson.tick) });
  }

  // Through the knob's range in LASTS / speed, from where it is; at the same speed again it pauses.
  play(knob, speed) {
    const was = this.playing;
    this.stop();
    if (was === speed) return;
    this.playing = speed;
    for (const [its, one] of this.players) {
      one.setAttribute("aria-pressed", its === speed);
      if (its === speed) one.firstChild.replaceWith(icon("pause"));
    }
    let before = performance.now();
    let at = this.values[knob.name] >= knob.high ? knob.low : this.values[knob.name];
    const frame = (now) => {
      at += ((knob.high - knob.low) * speed * Math.max(0, now - before)) / LASTS;
      before = now;
      if (at >= knob.high) {
        this.turn({ [knob.name]: knob.high });
        return this.stop();
      }
      this.turn({ [knob.name]: knob.type === "int" ? Math.round(at) : at });
      this.next = requestAnimationFrame(frame);
    };
    this.next = requestAnimationFrame(frame);
  }

  stop() {
    cancelAnimationFrame(this.next);
    if (!this.playing) return;
    this.playing = null;
    this.players.forEach(([, one], i) => {
      one.setAttribute("aria-pressed", "false");
      one.firstChild.replaceWith(icon(i ? "play" : "slow"));
    });
  }

  turn(values, moment = null) {
    Object.assign(this.values, values);
    for (const name of Object.keys(values)) this.inputs.get(name)?.(this.values[name]);
    this.ask(moment);
    clearTimeout(this.rester);
    this.rester = setTimeout(() => this.on.rest({ ...this.values }), REST);
  }

  // Where a pointer on a plot is: both knobs at once, kept within their ranges.
  place(names, place, moment) {
    this.turn(Object.fromEntries(names.map((name, i) => {
      const { low, high } = this.lesson.knobs.find((knob) => knob.name === name);
      return [name, Math.min(high, Math.max(low, place[i]))];
    })), moment);
  }

  step(names, move, moment) {
    this.place(names, names.map((name, i) => {
      const { low, high } = this.lesson.knobs.find((knob) => knob.name === name);
      return this.values[name] + (move[i] * (high - low)) / 50;
    }), moment);
  }

  pick(panel, i, moment) {
    if (panel.many === 1) return this.turn({ [panel.pick]: i }, moment);
    const before = String(this.values[panel.pick] || "").split("-").filter(Boolean).map(Number);
    const after = before.includes(i) ? before.filter((one) => one !== i) : [...before, i].slice(-panel.many);
    this.turn({ [panel.pick]: after.join("-") }, moment);
  }

  // --- what is to be seen ---------------------------------------------------------------------------------------------

  ask(moment) {
    const name = this.lesson.name, turn = (this.asked = (this.asked ?? 0) + 1);
    this.element.setAttribute("aria-busy", "true");
    this.live.ask("scene", { op: "scene", lesson: name, knobs: this.values, language: this.language }, (reply) => {
      this.element.setAttribute("aria-busy", turn < this.asked);
      if (reply.error) return this.on.say(reply.error);
      if (reply.header.lesson === name && this.lesson.name === name) this.show(reply);
    }, moment, 60000);
  }

  show(reply) {
    const { panels, figures, layout } = reply.header.scene;
    const array = ({ at, shape, type }) => {
      const count = shape.reduce((a, b) => a * b, 1);
      return new { u1: Uint8Array, i2: Int16Array, f4: Float32Array }[type](reply.bytes.buffer, reply.bytes.byteOffset + at, count);
    };
    const key = panels.map((panel) => panel.kind).join();
    if (this.shape !== key) {
      this.shape = key;
      this.views.forEach((view) => view.destroy?.());
      this.views = panels.map((panel) => panel.kind === "plot"
        ? new PlotView({ hand: (...given) => this.place(...given), step: (...given) => this.step(...given) })
        : new PictureView((...given) => this.pick(...given)));
      this.panels.replaceChildren(...this.views.map((view) => view.element));
    }
    this.layout = layout;
    this.views.forEach((view, i) => {
      view.element.style.setProperty("--area", letter(i));
      view.show(panels[i], array, this.text);
    });
    this.figures.replaceChildren(...figures.map(({ name, value, level, help }) => element("div", "", [
      element("dt", "", [name], { title: help }), element("dd", "", [value], level ? { "data-level": level } : {})])));
    this.limit();
    this.element.dataset.shown = Number(this.element.dataset.shown ?? 0) + 1;
  }

  // The first `only` panels, or all.
  limit() {
    this.views.forEach((view, i) => (view.element.hidden = this.only !== null && i >= this.only));
    this.panels.dataset.count = this.only ?? this.views.length;
    this.figures.hidden = !this.figures.children.length || this.only !== null;
    this.place_panels();
  }

  // Where the panels lie on a wide page, as the scene's layout has it; those not shown leave their place to the others.
  place_panels() {
    const count = Math.min(this.only ?? Infinity, this.views.length);
    const lines = count === this.views.length && this.layout?.length ? this.layout : Array.from({ length: count }, (_, i) => letter(i));
    const rows = [...new Set(lines)];
    const style = this.panels.style;
    style.setProperty("--areas", rows.map((row) => `"${[...row].join(" ")}"`).join(" "));
    style.setProperty("--rows", rows.map((row) => `minmax(0, ${lines.filter((line) => line === row).length}fr)`).join(" "));
    style.setProperty("--across", rows[0]?.length ?? 1);
    for (const view of this.views) view.alone = count === 1;
  }

  destroy() {
    this.stop();
    clearTimeout(this.rester);
    this.views.forEach((view) => view.destroy?.());
  }
}

const letter = (i) => String.fromCharCode(97 + i);

// A row or sheet of pictures; those that can be picked are buttons.
class PictureView {
  constructor(pick) {
    this.pick = pick;
    this.sizes = new ResizeObserver(() => this.fit());
    this.title = element("figcaption");
    this.grid = element("div", "mg-picture-grid");
    this.element = element("figure", "mg-picture-panel", [this.title, this.grid]);
    this.sizes.observe(this.grid);
  }

  show(panel, array, text) {
    const [n, h, w, c] = panel.x.shape;
    const bytes = array(panel.x);
    this.panel = panel;
    this.title.replaceChildren(panel.title, ...(panel.generated ? [element("span", "mg-kind", [text.generated])] : []));
    this.element.classList.toggle("mg-large", panel.large);
    this.element.classList.toggle("mg-column", panel.columns === 1 && n > 1);
    this.element.classList.toggle("mg-smooth", w < 16); // so few pixels are read more easily when their edges are soft
    this.element.classList.toggle("mg-film", !panel.pick && panel.picked.length > 0);
    this.grid.style.setProperty("--columns", panel.columns || n);
    while (this.grid.children.length > n) this.grid.lastChild.remove();
    while (this.grid.children.length < n) this.grid.append(this.cell(this.grid.children.length));
    for (let i = 0; i < n; i++) {
      const cell = this.grid.children[i], canvas = cell.querySelector("canvas"), caption = cell.lastChild;
      paint(canvas, bytes.subarray(i * h * w * c, (i + 1) * h * w * c), h, w, c);
      const words = panel.captions[i] ?? "";
      if (caption.textContent !== words) caption.textContent = words;
      caption.hidden = !words;
      cell.querySelector(".mg-press").disabled = !panel.pick;
      cell.querySelector(".mg-press").setAttribute("aria-label", `${panel.title} ${i + 1}${words ? `: ${words}` : ""}`);
      if (panel.pick) cell.querySelector(".mg-press").setAttribute("aria-pressed", panel.picked.includes(i));
      else cell.querySelector(".mg-press").removeAttribute("aria-pressed");
      cell.toggleAttribute("data-here", !panel.pick && panel.picked.includes(i));
      const level = panel.levels[i] ?? "";
      if (cell.dataset.level !== level) cell.dataset.level = level;
    }
    this.fit();
  }

  // On a wide page: as large as the place allows. A sheet takes as many columns as let its pictures be largest.
  fit() {
    const { clientWidth: width, clientHeight: height } = this.grid;
    if (!this.panel || !width || !height) return;
    const long = this.element.classList.toggle("mg-long", this.element.clientWidth > LONG);
    const film = this.element.classList.contains("mg-film"), gap = film && !long ? FILM_GAP : GAP;
    const rim = film ? 4 : 0; // for the mark of where one is
    const n = this.grid.children.length, most = Math.min(n, this.panel.columns || n);
    const words = this.grid.querySelector(".mg-caption:not([hidden])");
    const foot = words ? words.offsetHeight + 4 : 0;
    const side = (columns) => {
      const rows = Math.ceil(n / columns);
      return Math.min((width - rim - gap * (columns - 1)) / columns, (height - rim - gap * (rows - 1)) / rows - foot);
    };
    const free = n > most || this.alone || this.panel.large ? Array.from({ length: n }, (_, i) => i + 1) : [most];
    const columns = free.reduce((best, one) => (side(one) > side(best) ? one : best));
    this.grid.style.setProperty("--beside", columns);
    this.grid.style.setProperty("--side", `${Math.max(12, Math.floor(side(columns)))}px`);
  }

  destroy() {
    this.sizes.disconnect();
  }

  cell(i) {
    const press = element("button", "mg-press", [element("canvas", "mg-picture", [], { "aria-hidden": "true" })], { type: "button",
      onclick: (event) => this.panel.pick && this.pick(this.panel, i, event.timeStamp) });
    return element("div", "mg-cell", [press, element("span", "mg-caption")]);
  }
}

function paint(canvas, bytes, h, w, c) {
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const image = new ImageData(w, h);
  for (let i = 0, j = 0; i < image.data.length; i += 4, j += c)
    image.data.set([bytes[j], bytes[c === 1 ? j : j + 1], bytes[c === 1 ? j : j + 2], 255], i);
  canvas.getContext("2d").putImageData(image, 0, 0);
}
