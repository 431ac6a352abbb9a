// Train: one training, live: how far it is, its losses, its pictures, its map; afterwards all of it on a scrubber over time.

import { Curves, tidy } from "./curves.js";
import { Forming } from "./forming.js";
import { unpack } from "./live.js";
import { duration, element, fill, icon, isDark, Notice, said } from "./parts.js";
import { draw } from "./picture.js";

const PAUSE = 500; // ms between two questions while it runs
const REST = 2500; // and while nothing moves
const PLAY = 700; // ms a look is shown while the film plays
const ASLEEP = 15000; // and while nobody looks

class Train {
  constructor(host, data) {
    this.host = host;
    this.seq = 0;
    this.text = data.text;
    this.looks = new Map();
    this.build(data.text);
    this.listen = () => this.wake();
    document.addEventListener("visibilitychange", this.listen);
  }

  build(text) {
    const button = (name, icon_, label, act, kind = "") =>
      (this[name] = element("button", `mg-button ${kind}`, [...(icon_ ? [icon(icon_)] : []), element("span", "", [label])], { type: "button", onclick: act, hidden: "" }));
    this.title = element("h2", "", [""]);
    this.about = element("p", "mg-runabout");
    this.bar = element("i");
    this.progress = element("div", "mg-progress", [this.bar], { role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100", "aria-label": text.trn_progress });
    this.state = element("b");
    this.left = element("span", "mg-left");
    this.pace = element("span", "mg-pace");
    this.warning = element("p", "mg-runwarning", [], { hidden: "", role: "status" });
    this.acts = element("div", "mg-acts", [
      button("open", null, text.trn_open, () => this.go("open"), "mg-main"),
      button("compare", null, text.trn_compare, () => this.go("compare")),
      (this.download = element("a", "mg-button", [text.trn_download], { hidden: "", download: "" })),
      button("pause", "pause", text.trn_pause, () => this.wish("pause")),
      button("resume", "play", text.trn_continue, () => this.wish("run"), "mg-main"),
      button("keep", null, text.trn_keep, () => this.wish("keep")),
      button("remove", null, text.trn_delete, () => this.ask()),
    ]);
    this.sure = element("div", "mg-sure", [element("span", "", [text.trn_sure]),
      element("button", "mg-button", [text.trn_delete_yes], { type: "button", onclick: () => this.wish("delete") }),
      element("button", "mg-button", [text.trn_delete_no], { type: "button", onclick: () => (this.sure.hidden = true) })], { hidden: "", role: "alertdialog" });
    this.head = element("header", "mg-runhead", [element("div", "mg-runname", [this.title, this.about]), this.acts, this.sure,
      element("div", "mg-runline", [this.state, this.left, this.pace]), this.progress, this.warning]);
    this.forming = new Forming(text);
    this.curves = new Curves(text);
    this.scrub = element("input", "mg-time", [], { type: "range", min: "0", max: "0", step: "1", value: "0", "aria-label": text.trn_time });
    this.scrub.addEventListener("input", () => this.pick(Number(this.scrub.value)));
    this.play = element("button", "mg-button mg-play", [icon("play")], { type: "button", "aria-label": text.trn_play, onclick: () => this.film() });
    this.now = element("button", "mg-button", [text.trn_live], { type: "button", onclick: () => this.follow() });
    this.moment = element("span", "mg-moment");
    this.clock = element("div", "mg-clock", [this.play, this.scrub, this.moment, this.now]);
    this.rebuilt = this.gallery(text.trn_rebuilt, text.trn_rebuilt_note);
    this.samples = this.gallery(text.trn_samples, text.trn_samples_note);
    this.figures = element("div", "mg-figures", [], { hidden: "" });
    this.notice = new Notice();
    this.root = element("div", "mg mg-train", [
      this.head,
      element("section", "mg-watch", [
        element("div", "mg-mapside", [element("h3", "", [text.trn_map]), element("p", "mg-note", [text.trn_map_note]), this.forming.element, this.clock]),
        element("div", "mg-pictureside", [this.rebuilt.element, this.samples.element])]),
      this.figures,
      element("section", "mg-lossside", [element("h3", "", [text.trn_losses]), element("p", "mg-note", [text.trn_losses_note]), this.curves.element]),
      this.notice.element]);
    this.host.append(this.root);
  }

  gallery(title, note) {
    const shots = element("div", "mg-shots");
    return { shots, canvases: [], element: element("div", "mg-gallery", [element("h3", "", [title]), element("p", "mg-note", [note]), shots]) };
  }

  update({ data, setTriggerValue }) {
    const other = data.url !== this.data?.url;
    Object.assign(this, { data, setTriggerValue });
    this.root.classList.toggle("mg-dark", (this.forming.dark = isDark(this.host)));
    this.text = data.text;
    if (other) this.begin();
    else {
      this.forming.draw();
      if (this.status) this.measure(this.status);
    }
  }

  begin() {
    clearTimeout(this.timer);
    Object.assign(this, { at: 0, shown: -1, following: true, fixed: null, count: 0, over: false, status: null });
    this.looks.clear();
    this.curves.clear();
    this.scrub.max = "0";
    this.sure.hidden = true;
    this.figures.hidden = true;
    this.wake();
  }

  wake() {
    clearTimeout(this.timer);
    this.poll();
  }

  // --- asking ---------------------------------------------------------------------------------------------------------

  async poll() {
    const { url } = this.data;
    let pause = REST;
    try {
      const answer = await fetch(`${url}?after=${this.at}`);
      const told = await answer.json();
      if (url !== this.data.url || this.left_) return;
      if (!answer.ok) return this.lost(told.error, answer.status === 404);
      this.notice.hide();
      this.take(told);
      const moving = ["running", "finishing"].includes(told.state) || told.wish === "keep";
      pause = moving ? PAUSE : REST;
      if (told.state === "done") {
        if (!this.data.figures?.length) this.setTriggerValue("done", `${Date.now()}-${++this.seq}`); // the card has its figures now
        return;
      }
    } catch {
      if (url !== this.data.url || this.left_) return;
      this.lost(this.text.lost, false);
    }
    this.timer = setTimeout(() => this.poll(), document.hidden ? ASLEEP : pause);
  }

  lost(sentence, gone) {
    this.notice.say(sentence, null, true);
    if (gone) this.setTriggerValue("gone", `${Date.now()}-${++this.seq}`);
    else this.timer = setTimeout(() => this.poll(), REST);
  }

  async wish(wish) {
    this.sure.hidden = true;
    for (const one of [this.pause, this.resume, this.keep]) one.disabled = true;
    try {
      const answer = await fetch(`${this.data.url}/wish`, { method: "POST", body: JSON.stringify({ wish }), headers: { "Content-Type": "application/json" } });
      if (!answer.ok) this.notice.say((await answer.json()).error);
      else if (wish === "delete") this.setTriggerValue("gone", `${Date.now()}-${++this.seq}`);
    } catch {
      this.notice.say(this.text.lost);
    }
    this.wake();
  }

  ask() {
    this.sure.hidden = false;
    this.sure.querySelector("button").focus();
  }

  go(where) {
    this.setTriggerValue(where, { seq: `${Date.now()}-${++this.seq}`, model: this.status.model });
  }

  // --- what came ------------------------------------------------------------------------------------------------------

  take(told) {
    if (this.status && told.seen < this.status.seen) this.looks.clear(); // the run was wound back to its checkpoint
    this.status = told;
    if (told.at < this.at || (told.lines.length && this.curves.lines.length && told.lines[0].seen <= this.curves.lines.at(-1).seen)) this.curves.clear();
    this.at = told.at;
    this.curves.add(told.lines);
    this.say(told);
    if (told.looks !== this.count) {
      this.count = told.looks;
      this.scrub.max = String(Math.max(0, told.looks - 1));
      if (this.following) this.pick(told.looks - 1, true);
    }
    this.curves.mark(this.following ? Infinity : this.seen, told.budget);
    this.measure(told);
  }

  say(told) {
    const { text } = this;
    this.title.textContent = told.title;
    const data = told.called ?? this.data.titles[told.data] ?? told.data;
    this.about.textContent = [this.data.titles[told.family] ?? told.family, data, told.parameters && fill(text.trn_parameters, { n: told.parameters.toLocaleString("en") })]
      .filter(Boolean).join(" · ");
    const wished = { pause: ["running", "waiting"], keep: ["running", "waiting", "paused", "failed"] }[told.wish]?.includes(told.state);
    const state = wished ? `${told.wish}_soon` : told.state;
    this.root.dataset.state = told.state;
    this.state.textContent = told.state === "waiting" && told.ahead ? fill(text.trn_state_ahead, { n: told.ahead }) : text[`trn_state_${state}`] ?? told.state;
    const share = told.budget ? Math.min(1, told.seen / told.budget) : 0;
    const stage = told.state === "finishing" || told.stage === "opening";
    this.bar.style.width = `${100 * (told.state === "done" ? 1 : share)}%`;
    this.progress.classList.toggle("mg-busy", stage);
    this.progress.setAttribute("aria-valuenow", String(Math.round(100 * share)));
    const parts = [];
    if (told.seen && told.state !== "done") parts.push(fill(text.trn_seen, { seen: Math.min(told.seen, told.budget).toLocaleString("en"), of: told.budget.toLocaleString("en") }));
    if (told.state === "running" && told.remaining) parts.push(fill(text.trn_remaining, { time: duration(told.remaining, text) }));
    if (told.state === "finishing" && told.stage) parts.push(said(told.stage, this.data.sayings));
    if (told.state === "done") parts.push(fill(text.trn_done_after, { n: Math.min(told.seen, told.budget).toLocaleString("en") }));
    this.left.textContent = parts.join(" · ");
    const pace = [];
    if (told.state === "running" && told.per_second) {
      pace.push(fill(text.trn_per_second, { n: Math.round(told.per_second).toLocaleString("en") }));
      pace.push(fill(text.trn_cores, { used: (told.cores ?? 0).toFixed(1), device: said(told.device ?? "", this.data.sayings) }));
      if (told.gpu) pace.push(fill(text.trn_gpu, { gb: told.gpu.gigabytes, percent: told.gpu.share === undefined ? "–" : Math.round(100 * told.gpu.share) }));
    }
    this.pace.textContent = pace.join(" · ");
    const words = [told.error, ...(told.notices ?? []).slice(-1)].filter(Boolean).map((one) => said(one, this.data.sayings));
    this.warning.hidden = !words.length;
    this.warning.textContent = words.join(" ");
    this.warning.dataset.bad = String(Boolean(told.error));
    const going = ["running", "waiting"].includes(told.state) && told.wish !== "pause";
    for (const one of [this.pause, this.resume, this.keep]) one.disabled = false;
    this.pause.hidden = !going || wished;
    this.resume.hidden = !(told.state === "paused" || (told.wish === "pause" && told.state !== "done"));
    this.keep.hidden = !told.keepable || told.model || told.wish === "keep" || told.state === "finishing";
    this.open.hidden = this.compare.hidden = this.download.hidden = !told.model;
    if (told.model) this.download.href = this.data.download;
    this.remove.hidden = false;
    const encodes = told.encodes !== false;
    this.forming.none(encodes ? "" : text.trn_no_map);
    this.rebuilt.element.hidden = !encodes;
  }

  measure(told) {
    if (told.state !== "done" || !this.data.figures?.length) return;
    this.figures.hidden = false;
    this.figures.replaceChildren(element("h3", "", [this.text.trn_figures]), element("dl", "", this.data.figures.map(({ title, sentence, value, real }) =>
      element("div", "", [element("dt", "", [title], { title: sentence }), element("dd", "", [tidy(value), element("small", "", [real === null ? "" : fill(this.text.cmp_of_real, { value: tidy(real) })])])]))));
  }

  // --- the looks ------------------------------------------------------------------------------------------------------

  follow() {
    this.following = true;
    this.stop();
    this.pick(this.count - 1, true);
    this.curves.mark(Infinity, this.status?.budget);
  }

  // Show look number n.
  async pick(n, live = false) {
    if (!live) this.following = false;
    if (n < 0) return;
    this.wanted = n;
    const glide = Math.abs(n - this.shown) <= 2;
    const look = await this.load(n);
    if (!look || this.wanted !== n) return;
    this.shown = n;
    this.scrub.value = String(n);
    const { budget } = this.status;
    this.seen = look.seen[0];
    this.moment.textContent = fill(this.text.trn_moment, { n: this.seen.toLocaleString("en"), percent: Math.min(100, Math.round((100 * this.seen) / (budget || 1))) });
    this.scrub.setAttribute("aria-valuetext", this.moment.textContent);
    if (look.points) this.forming.show(look.points, glide);
    this.paint(this.samples, look.samples);
    if (look.rebuilt) this.paint(this.rebuilt, look.rebuilt, this.fixed?.real);
    if (!this.following) this.curves.mark(this.seen, budget);
    this.now.hidden = this.following;
    this.root.dataset.look = String(n);
  }

  async load(n) {
    const { url } = this.data;
    if (!this.fixed) {
      const fixed = await columns(`${url}/fixed`);
      if (!fixed || url !== this.data.url) return null;
      this.fixed = fixed;
      this.forming.setLabels(fixed.labels, this.status?.classes ?? [], this.text);
    }
    if (!this.looks.has(n)) this.looks.set(n, columns(`${url}/look/${n}?turn=${this.status?.turn ?? 0}`));
    const look = await this.looks.get(n);
    if (!look) this.looks.delete(n);
    return url === this.data.url ? look : null;
  }

  paint(gallery, made, beside = null) {
    const count = made.header.shape[0];
    if (gallery.canvases.length !== count) {
      gallery.canvases = Array.from({ length: count }, () => [element("canvas", "mg-picture"), beside && element("canvas", "mg-picture")]);
      gallery.shots.replaceChildren(...gallery.canvases.map((pair) => element("div", "mg-pair", pair.filter(Boolean).reverse())));
    }
    gallery.canvases.forEach(([canvas, real], i) => {
      draw(canvas, made, i);
      if (real && beside) draw(real, beside, i);
    });
  }

  film() {
    if (this.playing) return this.stop();
    this.following = false;
    let n = this.shown >= this.count - 1 ? 0 : this.shown + 1;
    const step = () => {
      if (n >= this.count) return this.stop();
      this.pick(n++);
      this.playing = setTimeout(step, PLAY);
    };
    this.play.replaceChildren(icon("pause"));
    step();
  }

  stop() {
    clearTimeout(this.playing);
    this.playing = null;
    this.play.replaceChildren(icon("play"));
  }

  destroy() {
    this.left_ = true;
    clearTimeout(this.timer);
    this.stop();
    document.removeEventListener("visibilitychange", this.listen);
    this.forming.destroy();
    this.curves.destroy();
    this.root.remove();
  }
}

// A frame of columns: numbers as typed arrays, pictures as what `draw` takes.
const KINDS = { float32: Float32Array, int16: Int16Array, int32: Int32Array };
async function columns(url) {
  const answer = await fetch(url).catch(() => null);
  if (!answer?.ok) return null;
  const buffer = await answer.arrayBuffer();
  const { header } = unpack(buffer);
  const start = 4 + new DataView(buffer).getUint32(0, true);
  const made = {};
  for (const { name, dtype, shape, offset } of header.columns) {
    const size = shape.reduce((a, b) => a * b, 1);
    if (dtype === "uint8") made[name] = { header: { shape }, bytes: new Uint8Array(buffer, start + offset, size) };
    else made[name] = new KINDS[dtype](buffer, start + offset, size);
  }
  return made;
}

export default function mount(component) {
  const host = component.parentElement;
  host.manigen ??= new Train(host, component.data);
  host.manigen.update(component);
  return () => {
    host.manigen?.destroy();
    delete host.manigen;
  };
}
