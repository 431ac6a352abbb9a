// Interpolate: walks between ends. All frames of every kind are fetched ahead and drawn from memory, so the film follows
// the hand however far away the server is; where the line is quick, the exact picture between two frames follows.

import { Ends } from "./ends.js";
import { Film } from "./film.js";
import { live } from "./live.js";
import { Looks } from "./looks.js";
import { duration, element, fill, icon, isDark, Notice, said } from "./parts.js";
import { imageOf } from "./picture.js";
import { Transport } from "./transport.js";
import { WalkMap } from "./walkmap.js";

const STEPS = 128; // of a walk
const LEG = 16; // steps of one leg, at least
const DRAGGED = 32; // steps of a walk while one of its ends is dragged
const QUICK = 60; // ms: exact pictures are asked for under a moving hand as long as they come this fast
const PROBE = 200; // ms after which one is asked for all the same, to see whether they come faster now
const PAUSE = 8; // ms between two requests for an exact picture of one kind
const REST = 250; // ms without a move, after which the link is brought up to date
const HEARD = 3000; // ms for which what the server last said of a search stands there
const SLOW = 700; // ms, after which a search says that it runs
const PATIENCE = 600000; // ms that a search may take
const NEAR = 0.02; // of its length, within which a sketch leads to an end
const LATEST = 1500; // ms after which the page hears of new ends, walked between or not
const AGAIN = 500; // ms between two looks at what is being made
const PHONE = "(max-width: 820px)";

class Interpolate {
  constructor(host, data) {
    this.host = host;
    this.data = data;
    this.live = live();
    this.walks = new Map(); // by kind: its frames
    this.exact = new Map(); // by kind: the last exact picture, and where on the walk it lies
    this.searching = new Map(); // by kind: since when
    this.heard = new Map(); // by kind: when the server last said how far its search is
    this.stopping = new Set(); // kinds whose search was asked to stop
    this.turns = new Map(); // by kind: the newest question
    this.unsaid = new Map(); // what the page could not be told while the connection was lost
    this.pace = 30; // ms from asking for an exact picture to drawing it
    this.asked = 0; // when
    this.drawing = []; // ms from hand to drawn frame, newest last
    this.seq = 0;
    this.t = data.t;
    this.build(data.text);
    this.offState = this.live.onState((state) => this.connection(state));
    this.listen();
  }

  build(text) {
    this.notice = new Notice();
    this.looks = new Looks(text);
    this.film = new Film(text, {
      scrub: (t, moment) => this.move(t, moment),
      hold: (held) => (this.transport.held = held),
      resized: () => this.fit(),
    });
    this.ends = new Ends(text, {
      change: () => this.changed(),
      say: (sentence, action) => this.notice.say(sentence, action),
      visit: (t) => this.move(t),
      legs: (legs) => this.tellPage("legs", { legs }),
    });
    this.transport = new Transport(text, { move: (t) => this.move(t), rest: () => this.rest(), position: () => this.t,
      turned: (bounce) => this.tellPage("bounce", { bounce }) });
    this.evener = element("button", "mg-round mg-even", [icon("even")], { type: "button", onclick: () => this.setEven(!this.even) });
    this.transport.element.append(this.evener, element("button", "mg-round", [icon("undo")],
      { type: "button", title: text.undo_end, "aria-label": text.undo_end, onclick: () => this.ends.undo() }));
    this.map = new WalkMap(text, this.live, {
      add: (code) => this.add(code),
      back: () => this.ends.undo(),
      drag: (i, place) => this.fetch({ i, place }),
      drop: (i, code) => this.ends.replace(i, code),
      visit: (i) => this.move(this.ends.t(i)),
      say: (sentence) => this.notice.say(sentence),
      heat: (on) => this.tellPage("heat", { heat: on }),
    });
    this.pacer = element("div", "mg-pace", [], { title: text.hand_help });
    this.film.element.prepend(this.ends.element, this.transport.element);
    this.map.field.append(this.notice.element, this.pacer);
    this.root = element("div", "mg mg-interpolate", [this.looks.element, this.map.field, this.film.element]);
    this.host.append(this.root);
  }

  async update({ data, setStateValue }) {
    const first = !this.sent;
    const before = this.data;
    const epoch = `${data.model}:${data.ends.epoch}`;
    const names = data.kinds.map(({ name }) => name).join();
    const newKinds = first || names !== this.names || data.model !== before.model;
    const way = ({ spelled, knobs }) => JSON.stringify([spelled, knobs]);
    const newWays = data.kinds.filter((kind) => this.ways?.get(kind.name) !== way(kind));
    this.ways = new Map(data.kinds.map((kind) => [kind.name, way(kind)]));
    const newEnds = epoch !== this.epoch;
    const newMap = first || data.mapUrl !== before.mapUrl;
    const newSpan = first || data.beyond !== before.beyond;
    Object.assign(this, { data, setStateValue, sent: true, epoch, names, dark: isDark(this.host) });
    this.root.classList.toggle("mg-dark", this.dark);
    if (data.model !== before.model) {
      this.walks.clear();
      this.ends.forget();
    }
    for (const part of [this.looks, this.film, this.ends, this.map]) part.text = data.text; // it differs between models
    this.film.sayings = data.sayings;
    this.root.style.setProperty("--aspect", data.shape[2] / data.shape[1]);
    if (newSpan) this.setBeyond(data.beyond);
    if (newKinds) this.setKinds(data.kinds);
    this.film.setRulers(data.kinds);
    if (newEnds && this.ends.adopt(data.ends.codes)) this.notice.say(data.text.ends_changed, [data.text.undo, () => this.ends.undo()]);
    if (first) {
      this.setEven(data.even, false);
      this.transport.setTurn(data.bounce);
      this.map.heat = data.heat ? {} : null; // painted as soon as the map is there
    }
    const mixed = data.kinds.some(({ name, spelled }) => name !== spelled);
    this.ends.setLegs(mixed ? data.legs : null, data.choices);
    if (newEnds || newMap || newSpan) this.fetch();
    else if (newKinds || newWays.length) this.fetch(null, data.kinds.filter((kind) => newWays.includes(kind) || !this.walks.has(kind.name)));
    this.fit();
    await this.map.update(data, this.dark).catch((problem) =>
      this.notice.say(problem.message === "plotly" ? data.text.plotly_failed : fill(data.text.map_failed, { why: problem.message })));
  }

  // How far the slider reaches past the ends.
  setBeyond(beyond) {
    this.film.setBeyond(beyond);
    this.ends.setBeyond(beyond);
    Object.assign(this.transport, { low: -beyond, high: 1 + beyond });
    this.t = Math.min(1 + beyond, Math.max(-beyond, this.t));
    this.film.place(this.t);
  }

  setKinds(kinds) {
    for (const name of [...this.walks.keys()]) if (!kinds.some((kind) => kind.name === name)) this.walks.delete(name);
    this.looks.setKinds(kinds);
    this.film.setKinds(kinds);
    this.map.setKinds(kinds);
    this.film.place(this.t);
    for (const walk of this.walks.values()) this.present(walk);
    this.fit();
  }

  // --- walks ------------------------------------------------------------------------------------------------------------

  // Ask for the walks of `kinds` through all the ends; with `drag` one of them is a place under the hand, for now. Where
  // only the ends are new, a sketch that leads to them already is refined as it is.
  fetch(drag = null, kinds = this.data.kinds, onlyEnds = false) {
    const { model, map, beyond } = this.data;
    const ends = this.ends.codes.map((code, i) => (drag?.i === i ? { at: drag.place } : { code }));
    const legs = ends.length - 1;
    if (legs < 1) return this.standStill();
    const most = Math.min(STEPS, Math.floor((2 * STEPS) / (1 + 2 * beyond)));
    const steps = drag ? legs * Math.max(4, Math.floor(DRAGGED / legs)) + 1 : legs * Math.max(LEG, Math.floor(most / legs)) + 1;
    this.transport.seconds = 4 + 2.5 * (legs - 1);
    const unseen = this.data.kinds.every(({ name }) => name !== "straight");
    const teller = unseen ? kinds.find((kind) => !kind.refines) ?? kinds[0] : null; // one reply tells of the straight line, too
    if (!drag && kinds === this.data.kinds) this.film.straight = null;
    for (const { name, spelled, knobs, refines } of kinds) {
      const message = { op: "walk", model, map, kind: spelled, knobs, ends, steps, even: this.even, beyond };
      const turn = {};
      this.turns.set(name, turn); // whatever is asked for after this overtakes it
      if (!drag) this.searching.set(name, performance.now());
      const ask = (coarse) => this.live.ask(`walk-${name}`, { ...message, coarse, report: !coarse && !drag, beside: name === teller?.name && !coarse }, (reply) => {
        const newest = this.turns.get(name) === turn;
        if (ends.length !== this.ends.length || (!newest && !drag)) return;
        this.take(name, reply, drag);
        if (coarse && !drag && newest && !reply.error) ask(false);
      }, performance.now(), PATIENCE, (told) => this.turns.get(name) === turn && this.hear(name, told), !drag);
      ask(refines && !(onlyEnds && this.sketched(name))); // what takes long is sketched first, and as long as an end is dragged, then refined
    }
    if (!drag) this.tell();
  }

  // Whether a sketch that leads from end to end is on the screen, as where the hand rested before it let an end go.
  sketched(name) {
    const walk = this.walks.get(name);
    if (!walk?.header.coarse || this.even || this.data.beyond) return false;
    const { codes } = walk.header;
    const apart = (a, b) => Math.hypot(...a.map((value, i) => value - b[i]));
    const long = codes.slice(1).reduce((sum, code, i) => sum + apart(code, codes[i]), 0);
    return this.ends.codes.every((code, i) => apart(code, codes[Math.round((i * walk.last) / (this.ends.length - 1))]) < NEAR * long);
  }

  setEven(even, anew = true) {
    const { text } = this.data;
    this.even = even;
    this.evener.setAttribute("aria-pressed", String(even));
    this.evener.title = even ? text.walk_even : text.walk_uneven;
    this.evener.setAttribute("aria-label", text.walk_even);
    if (!anew) return;
    this.fetch();
    this.tellPage("even", { even });
  }

  take(name, reply, drag) {
    const { model, map, kinds, text } = this.data;
    const kind = kinds.find((other) => other.name === name);
    if (!kind) return;
    if (!drag && !reply.header?.coarse) this.searching.delete(name);
    if (!drag && !this.searching.size) this.tellEnds();
    this.stopping.delete(name);
    if (reply.stopped && this.walks.has(name)) return this.film.keepSketch(name);
    if (reply.error) {
      this.walks.delete(name);
      this.wait(name, true);
      if (reply.fit) return this.await(name, reply.fit);
      return this.film.say(name, fill(text.walk_failed, { why: said(reply.error, this.data.sayings) }), "edge");
    }
    if (reply.header.model !== model || reply.header.map !== map) return; // overtaken by another model or map
    const walk = new Frames(name, reply);
    this.wait(name, false);
    this.walks.set(name, walk);
    this.exact.delete(name);
    this.present(walk);
    this.meet(walk);
    if (drag) this.map.showLoupe((canvas) => paint(canvas, walk.nearest(this.ends.t(drag.i))), walk.nearest(this.ends.t(drag.i)).level);
    this.root.dataset.walks = String(this.walks.size);
  }

  // How far a long search is, under what is there of it; it can be stopped, and what it found so far is shown.
  hear(name, { stage, share, left }) {
    const { text } = this.data;
    if (!this.film.rows.has(name)) return;
    const sketch = this.walks.get(name)?.header.coarse;
    this.heard.set(name, performance.now());
    if (!sketch) this.wait(name, true);
    if (this.stopping.has(name)) return this.film.say(name, text.walk_stopping);
    const stop = [text.fit_stop, () => {
      this.stopping.add(name);
      this.film.say(name, text.walk_stopping);
      this.live.stop(`walk-${name}`);
    }];
    const words = [sketch ? text.walk_sketch_here : "", fill(text[`walk_stage_${stage}`], { percent: Math.round(100 * share) }),
      left === null ? "" : fill(text.walk_left, { time: duration(left, text) })];
    this.film.say(name, words.filter(Boolean).join(" "), "", stop);
  }

  // What this walk takes is being made first: tell how far it is, and ask again when it is there.
  async await(name, fit) {
    const { model, text, fitUrl } = this.data;
    const url = fitUrl.replace("KEY", fit);
    let stopping = false;
    const stop = [text.fit_stop, () => {
      stopping = true;
      this.film.say(name, text.fog_stopping);
      fetch(`${url}/stop`, { method: "POST" }).catch(() => (stopping = false));
    }];
    const wanted = () => this.data.model === model && this.film.rows.has(name) && !this.walks.has(name) && !this.gone;
    while (wanted()) {
      try {
        const about = await orderAt(url);
        if (!wanted()) return;
        if (about.state === "done") return this.fetch(null, this.data.kinds.filter((kind) => kind.name === name));
        if (about.state === "failed" || about.state === "stopped")
          return this.film.say(name, fill(text.walk_failed, { why: about.state === "stopped" ? text.fog_stopped : said(about.error, this.data.sayings) }), "edge");
        stopping ||= about.words === "stopping"; // by somebody else
        const left = about.left === null ? "" : fill(text.fog_left, { seconds: Math.ceil(about.left) });
        if (stopping) this.film.say(name, text.fog_stopping);
        else this.film.say(name, `${fill(text.fog_fitting, { percent: Math.round(100 * about.share) })} ${left}`, "", stop);
      } catch {
        this.film.say(name, text.walk_lost, "edge");
      }
      await new Promise((done) => setTimeout(done, AGAIN));
    }
  }

  present(walk) {
    this.film.setFrames(walk.name, (canvas, t) => paint(canvas, walk.nearest(t)));
    this.film.setWorth(walk.name, walk.header);
    this.map.setPath(walk.name, walk.header);
    walk.shown = null;
    this.show();
    this.ask();
  }

  // The ends' own pictures and places, from the frames that meet them.
  meet(walk) {
    this.ends.list.forEach((end, i) => paint(end.canvas, walk.nearest(this.ends.t(i))));
    this.map.setEnds(this.ends.list.map((_, i) => walk.header.at[Math.round(walk.at(this.ends.t(i)))]));
  }

  // With fewer than two ends there is no walk: the one picture is shown, or none.
  standStill() {
    const { model, map, kinds } = this.data;
    this.walks.clear();
    this.exact.clear();
    this.searching.clear();
    this.film.setKinds(kinds);
    this.looks.setKinds(kinds);
    for (const { name } of kinds) this.map.setPath(name, null);
    this.map.setEnds([]);
    if (!this.ends.length) return;
    this.live.ask("alone", { op: "decode", model, map, codes: this.ends.codes }, (reply) => {
      if (reply.error || this.ends.length !== 1) return;
      const shown = { image: imageOf(reply, 0), level: reply.header.level[0], distance: reply.header.distance[0] };
      paint(this.ends.list[0].canvas, shown);
      this.map.setEnds([reply.header.at[0]]);
      for (const { name } of this.data.kinds) {
        paint(this.looks.looks.get(name).canvas, shown);
        this.looks.setLevel(name, shown.level);
        this.looks.say(name, shown.level, shown.distance);
      }
    });
  }

  // Once a second: which searches still run.
  tell() {
    clearTimeout(this.teller);
    const now = performance.now();
    for (const [name, since] of this.searching) {
      if (now - since < SLOW || this.walks.get(name)?.header.coarse || now - (this.heard.get(name) ?? 0) < HEARD) continue;
      this.wait(name, true);
      this.film.say(name, fill(this.data.text.walk_searching, { seconds: Math.round((now - since) / 1000) }));
    }
    if (this.searching.size) this.teller = setTimeout(() => this.tell(), SLOW);
  }

  // What is shown of a kind is not, or not yet, the walk between these ends: it fades.
  wait(name, waiting) {
    this.film.rows.get(name).element.dataset.waiting = this.looks.looks.get(name).look.dataset.waiting = String(waiting);
    if (waiting) this.map.setPath(name, null);
  }

  // --- the position ------------------------------------------------------------------------------------------------------

  // Go to t: draw the nearest frames now, ask for the exact ones. Nothing here reads or changes the layout.
  move(t, moment = performance.now()) {
    this.t = t;
    this.film.place(t);
    this.map.place(t);
    this.show();
    const spent = performance.now() - moment;
    if (spent >= 0 && spent < 1000) this.drawing.push(spent);
    if (this.drawing.length > 60) this.drawing.shift();
    this.root.dataset.t = t;
    if (this.pace < QUICK || performance.now() - this.asked > PROBE) this.askSoon();
    clearTimeout(this.resting);
    if (!this.transport.playing) this.resting = setTimeout(() => this.rest(), REST);
  }

  show() {
    for (const [name, walk] of this.walks) {
      const frame = walk.nearest(this.t);
      const exact = this.exact.get(name);
      const shown = exact && Math.abs(exact.t - this.t) <= Math.abs(frame.t - this.t) ? exact : frame;
      if (shown === walk.shown) continue;
      walk.shown = shown;
      paint(this.looks.looks.get(name).canvas, shown);
      paint(this.film.rows.get(name).lens, shown);
      this.looks.setLevel(name, shown.level);
    }
    if (this.settling) return;
    this.settling = true; // words follow the hand at the screen's own pace
    requestAnimationFrame(() => {
      this.settling = false;
      this.words();
    });
  }

  words() {
    const { text } = this.data;
    for (const [name, { shown }] of this.walks) if (shown) this.looks.say(name, shown.level, shown.distance);
    const legs = Math.max(1, this.ends.length - 1);
    const leg = Math.min(legs - 1, Math.floor(this.t * legs));
    const at = Math.abs(this.t * legs - Math.round(this.t * legs)) < 1e-9;
    this.film.describe(this.t, this.t < 0 ? text.film_before : this.t > 1 ? fill(text.film_after, { n: legs + 1 }) : at ? fill(text.film_at_end, { n: Math.round(this.t * legs) + 1 })
      : fill(text.film_between, { a: leg + 1, b: leg + 2 }));
    const device = this.live.device;
    const draw = middle(this.drawing)?.toFixed(1);
    this.pacer.textContent = draw === undefined ? device
      : fill(this.pace < QUICK ? text.walk_pace_exact : text.walk_pace, { device, draw, live: this.pace.toFixed(0) });
  }

  // Ask as often as the server reads, however often the hand is heard.
  askSoon() {
    const wait = PAUSE * this.walks.size - (performance.now() - this.asked);
    if (wait <= 0) this.ask();
    else this.asking ??= setTimeout(() => this.ask(), wait);
  }

  // Ask for the exact pictures at t: of up to three kinds each by itself, which is fastest, of more together.
  ask() {
    clearTimeout(this.asking);
    this.asking = undefined;
    this.asked = performance.now();
    const { model } = this.data;
    const t = this.t;
    const walks = [...this.walks.values()];
    const groups = walks.length > 3 ? [walks] : walks.map((walk) => [walk]);
    for (const group of groups) {
      const asked = performance.now();
      const codes = group.map((walk) => walk.code(t));
      this.live.ask(`exact-${group.length > 1 ? "all" : group[0].name}`, { op: "decode", model, codes }, (reply) => {
        if (reply.error) return this.notice.say(reply.error);
        const took = Math.min(1000, performance.now() - asked);
        this.pace += (took < this.pace ? 0.5 : 0.2) * (took - this.pace); // one late answer is soon forgotten
        group.forEach((walk, i) => {
          if (this.walks.get(walk.name) !== walk) return; // the walk has changed meanwhile
          this.exact.set(walk.name, { t, image: imageOf(reply, i), level: reply.header.level[i], distance: reply.header.distance[i] });
        });
        this.root.dataset.exact = t;
        this.show();
      });
    }
  }

  // The hand rests: the exact picture, and the link.
  rest() {
    clearTimeout(this.resting);
    if (this.transport.playing || this.film.held) return;
    this.ask();
    if (this.told !== this.t) this.tellPage("position", { t: this.t });
    this.told = this.t;
  }

  // --- ends ---------------------------------------------------------------------------------------------------------------

  add(code) {
    if (this.ends.length >= this.data.most) return this.notice.say(fill(this.data.text.ends_full, { n: this.data.most }));
    this.ends.add(code);
  }

  changed() {
    const { text, model } = this.data;
    this.fetch(null, this.data.kinds, true);
    const twins = this.ends.twins();
    if (twins.length && twins.length === this.ends.length - 1) this.notice.say(text.ends_all_equal);
    else if (twins.length) this.notice.say(fill(text.ends_equal, { a: twins[0] + 1, b: twins[0] + 2 }));
    clearTimeout(this.telling);
    this.due = { epoch: this.data.ends.epoch, model, codes: this.ends.codes };
    if (this.searching.size) this.telling = setTimeout(() => this.tellEnds(), LATEST);
    else this.tellEnds();
  }

  // The page hears of new ends once they are walked between, or before it hears of anything else: its own script would
  // take the processor from the walks.
  tellEnds() {
    const { due } = this;
    clearTimeout(this.telling);
    this.due = null;
    if (due) this.tellPage("ends", due);
  }

  // --- keys, size, connection -----------------------------------------------------------------------------------------------

  listen() {
    const stop = new AbortController();
    this.stop = stop;
    addEventListener("resize", () => this.fit(), { signal: stop.signal });
    document.addEventListener("keydown", (event) => this.key(event), { signal: stop.signal });
    for (const hand of ["pointerdown", "keydown"])
      document.addEventListener(hand, (event) => this.root.contains(event.target) || this.tellEnds(), { signal: stop.signal, capture: true });
  }

  // Keys work on the film, and on the page where nothing else has the focus.
  key(event) {
    const here = this.root.contains(event.target);
    if (!(here || event.target === document.body) || event.altKey || event.defaultPrevented) return;
    if (event.target.matches("select, input, textarea")) return;
    if ((event.ctrlKey || event.metaKey) && event.key === "z") {
      this.ends.undo();
      return event.preventDefault();
    }
    if (event.ctrlKey || event.metaKey) return;
    const legs = Math.max(1, this.ends.length - 1);
    const frames = Math.max(1, [...this.walks.values()][0]?.steps ?? STEPS);
    const [low, high] = [-this.data.beyond, 1 + this.data.beyond];
    const step = (way) => Math.min(high, Math.max(low, (Math.round(this.t * frames) + way * (event.shiftKey ? frames / 16 : 1)) / frames));
    if (event.key === " " && !event.target.matches("button")) this.transport.toggle();
    else if (event.key === "ArrowRight" || event.key === "ArrowUp") this.move(step(1), event.timeStamp);
    else if (event.key === "ArrowLeft" || event.key === "ArrowDown") this.move(step(-1), event.timeStamp);
    else if (event.key === "PageUp") this.move(Math.min(this.t < 1 ? 1 : high, (Math.floor(this.t * legs + 1e-9) + 1) / legs), event.timeStamp);
    else if (event.key === "PageDown") this.move(Math.max(this.t > 0 ? 0 : low, (Math.ceil(this.t * legs - 1e-9) - 1) / legs), event.timeStamp);
    else if (event.key === "Home") this.move(low, event.timeStamp);
    else if (event.key === "End") this.move(high, event.timeStamp);
    else return;
    event.preventDefault();
  }

  // Stages and map take the height that the film leaves, so that all of it is on the screen at once.
  fit() {
    const width = this.root.clientWidth;
    if (!width) return;
    const [, h, w] = this.data.shape;
    if (matchMedia(PHONE).matches) {
      this.root.style.setProperty("--high", "52vh");
      return this.looks.fit(width, (this.looks.looks.size > 3 ? 0.52 : 0.42) * innerHeight, h / w);
    }
    const scrolled = this.host.closest("[data-testid=stMain]")?.scrollTop ?? 0;
    const top = this.root.getBoundingClientRect().top + scrolled;
    const high = Math.max(250, innerHeight - top - this.film.element.offsetHeight - 40);
    this.root.style.setProperty("--high", `${high}px`);
    this.looks.fit(0.6 * width, high, h / w);
  }

  connection(state) {
    if (state === "lost") this.notice.say(this.data.text.walk_lost, null, true);
    else if (state === "open" && this.lost) {
      this.notice.say(this.data.text.back);
      setTimeout(() => [...this.unsaid].forEach(([name, value]) => this.tellPage(name, value)), REST);
    }
    this.lost = state === "lost";
    this.root.dataset.connection = state;
  }

  // What the page should remember; while the connection is lost it waits, since the page would answer with a dialog.
  tellPage(name, value) {
    this.tellEnds();
    if (this.lost) return this.unsaid.set(name, value);
    this.unsaid.delete(name);
    this.setStateValue(name, { ...value, seq: ++this.seq });
  }

  destroy() {
    this.gone = true;
    this.transport.stop();
    for (const timer of [this.resting, this.teller, this.telling, this.asking]) clearTimeout(timer);
    this.stop.abort();
    this.offState();
    this.film.destroy();
    this.map.destroy();
    this.root.remove();
  }
}

// The frames of one walk, drawn from memory.
class Frames {
  constructor(name, reply) {
    this.name = name;
    this.reply = reply;
    this.header = reply.header;
    this.last = reply.header.shape[0] - 1;
    this.steps = this.last - 2 * reply.header.past; // between the ends
    this.frames = [];
  }

  // The number of the frame at t, and the share towards the next.
  at(t) {
    return Math.min(this.last, Math.max(0, this.header.past + t * this.steps));
  }

  nearest(t) {
    const i = Math.round(this.at(t));
    return (this.frames[i] ??= { t: (i - this.header.past) / this.steps, image: imageOf(this.reply, i), level: this.header.level[i], distance: this.header.distance[i] });
  }

  // The code at t, on the line between the codes of the two frames around it.
  code(t) {
    const { codes } = this.header;
    const i = Math.min(this.last - 1, Math.floor(this.at(t)));
    const share = this.at(t) - i;
    return codes[i].map((value, at) => value + share * (codes[i + 1][at] - value));
  }
}

// How far an order is, from the head of its frame.
async function orderAt(url) {
  const buffer = await (await fetch(url)).arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  return JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
}

function paint(canvas, { image }) {
  if (canvas.width !== image.width || canvas.height !== image.height) {
    canvas.width = image.width;
    canvas.height = image.height;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function middle(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

export default function mount(component) {
  const host = component.parentElement;
  host.manigen ??= new Interpolate(host, component.data);
  host.manigen.update(component);
  return () => {
    host.manigen?.destroy();
    delete host.manigen;
  };
}
