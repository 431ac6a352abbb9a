// Learn: the overview of the lessons, and one lesson at a time: predict, try, see, check, understand, play on, and the
// summary. The words are all here once a lesson is open, so a step takes no time; the server only keeps the answers.
//
// The same view is shown to a class: large type, light, arrows and space for the steps, B for a blank screen, a timer.

import { element, fill, isDark, Notice } from "./parts.js";
import { SceneView } from "./scene.js";

const STEPS = ["predict", "try", "reveal", "check", "why", "play", "end"];
const LETTERS = "ABCDEFG";
const WIDE = matchMedia("(min-width: 981px)");
// How large the words are, best first, and whether the knobs lie over the pictures, where the words need the room under them.
const FITS = [[1, false], [0.94, false], [1, true], [0.94, true], [0.88, true], [0.82, true], [0.76, true]];
const LARGE = [[1.3, false], [1.15, false], ...FITS.slice(0, 2), [1.3, true], [1.15, true], ...FITS.slice(2)]; // before a class

class Learn {
  constructor(host) {
    this.host = host;
    this.root = element("div", "mg mg-learn");
    this.notice = new Notice();
    this.seq = 0;
    host.append(this.root);
    this.onKey = (event) => this.key(event);
    addEventListener("keydown", this.onKey);
    this.clock = setInterval(() => this.tick(), 1000);
    this.sizes = new ResizeObserver(() => this.fit());
    this.sizes.observe(this.root);
    this.onSize = () => this.fit();
    addEventListener("resize", this.onSize);
  }

  update({ data, setStateValue }) {
    const before = this.data;
    Object.assign(this, { data, setStateValue, text: data.text });
    this.root.classList.toggle("mg-dark", !this.presenting && isDark(this.root));
    if (!data.lesson) {
      this.lesson = null;
      this.scene?.destroy();
      this.scene = null;
      this.present(false);
      return this.overview();
    }
    const same = before?.lesson?.name === data.lesson.name && before.language === data.language;
    this.lesson = data.lesson;
    if (same) return this.settle();
    this.answers = { ...data.lesson.answers };
    this.kept = []; // settings, since it was opened
    this.values = Object.fromEntries(this.lesson.knobs.map((knob) => [knob.name, knob.value]));
    this.step = this.allowed(STEPS.includes(data.step) ? data.step : "predict", data.present);
    this.began = Date.now();
    this.open();
    this.root.scrollIntoView({ block: "start" });
    if (data.present && !this.presenting) this.present(true);
  }

  send(name, value) {
    this.setStateValue(name, { seq: `${Date.now()}-${++this.seq}`, lesson: this.lesson?.name ?? null, ...value });
  }

  // --- the overview ---------------------------------------------------------------------------------------------------

  overview() {
    const { text, lessons } = this.data;
    const card = (lesson) => element("a", "mg-lesson-card", [
      element("div", "mg-lesson-face", [element("img", "mg-picture", [], { src: lesson.face, alt: "", loading: "lazy" })]),
      element("div", "mg-lesson-words", [
        element("div", "mg-lesson-number", [fill(text.learn_number, { n: lesson.number }),
          ...(lesson.done ? [element("span", "mg-done", [text.learn_done])] : [])]),
        element("h2", "", [lesson.title]), element("p", "", [lesson.sentence]),
        element("span", "mg-minutes", [fill(text.learn_minutes, { n: lesson.minutes }), ...(lesson.optional ? [` · ${text.learn_optional}`] : [])])]),
    ], { href: `?lesson=${lesson.name}`, "data-lesson": lesson.name, onclick: (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.send("open", { name: lesson.name });
    } });
    this.root.replaceChildren(
      element("header", "mg-learn-head", [element("h1", "", [text.learn_heading]), element("p", "", [text.learn_intro])]),
      element("div", "mg-lessons", lessons.map(card)));
  }

  // --- a lesson -------------------------------------------------------------------------------------------------------

  open() {
    const { text, lesson } = this;
    this.scene?.destroy();
    this.scene = new SceneView({ rest: (knobs) => this.rest(knobs), say: (sentence) => this.notice.say(sentence) });
    this.rail = element("nav", "mg-steps", [], { "aria-label": text.learn_steps });
    this.words = element("section", "mg-words", [], { tabindex: "-1" });
    this.timer = element("span", "mg-timer", [], { role: "timer", "aria-label": text.learn_timer });
    this.blank = element("div", "mg-blank", [], { hidden: "" });
    this.back = element("button", "mg-button", [text.learn_back], { type: "button", onclick: () => this.go(-1) });
    this.next = element("button", "mg-button mg-main", [], { type: "button", onclick: () => this.go(1) });
    const leave = element("button", "mg-link", [`← ${text.learn_all}`], { type: "button", onclick: () => this.leave() });
    this.presenter = element("button", "mg-link mg-present", [text.learn_present], { type: "button", onclick: () => this.present(!this.presenting) });
    this.root.replaceChildren(
      element("header", "mg-lesson-head", [leave, element("h1", "", [lesson.title]), this.timer, this.presenter]),
      this.rail,
      this.body = element("div", "mg-lesson-body", [
        element("div", "mg-left", [this.words, this.turn = element("footer", "mg-turn", [this.back, this.next])]), this.scene.element]),
      this.notice.element, this.blank);
    this.show();
  }

  // A prediction comes before everything else; a class that is shown the lesson predicts by hands.
  allowed(step, presenting = this.presenting) {
    return this.answers.prediction === undefined && !presenting ? "predict" : step;
  }

  go(by) {
    const at = STEPS.indexOf(this.step) + by;
    if (by > 0 && at >= STEPS.length) return this.leave();
    const next = STEPS[Math.max(0, at)];
    if (this.allowed(next) !== next) return this.notice.say(this.text.learn_predict_first);
    this.jump(next);
  }

  jump(step) {
    this.step = step;
    this.show();
    this.words.focus({ preventScroll: true });
    if (this.presenting) this.root.scrollTop = 0;
    else this.root.scrollIntoView({ block: "start" });
    this.send("place", { step, knobs: this.values, words: false });
  }

  settle() {
    if (this.step === "end") this.words.replaceChildren(...this.say_end());
  }

  show() {
    const { text, lesson, step } = this;
    this.rail.replaceChildren(...STEPS.map((name, i) => {
      const may = this.allowed(name) === name;
      return element("button", "", [element("b", "", [String(i + 1)]), element("span", "", [text[`learn_step_${name}`]])], { type: "button",
        "aria-current": name === step ? "step" : null, disabled: may ? null : "", onclick: () => this.jump(name) });
    }));
    this.words.replaceChildren(...this[`say_${step}`]());
    this.back.hidden = step === "predict";
    this.next.hidden = step === "predict" && this.answers.prediction === undefined && !this.presenting;
    this.next.textContent = step === "end" ? text.learn_all : step === "predict" ? text.learn_try_it : text.learn_next;
    this.root.dataset.step = step;
    this.root.dataset.lesson = lesson.name;
    this.scene.element.hidden = step === "check" || step === "end";
    if (!this.scene.element.hidden) this.dress();
    this.fit();
  }

  // On a wide page a step with a scene is one screen: words, knobs and all that moves, with nothing to scroll to.
  fit() {
    const fitted = WIDE.matches && Boolean(this.lesson) && !this.scene.element.hidden;
    this.root.classList.toggle("mg-fitted", fitted);
    this.squeeze();
    if (!fitted) return;
    (this.presenting ? LARGE : FITS).some(([size, over]) => {
      this.root.classList.toggle("mg-over", over);
      this.body.style.setProperty("--type", size);
      return this.words.scrollHeight <= this.words.clientHeight + 1 && this.turn.getBoundingClientRect().bottom <= this.body.getBoundingClientRect().bottom + 1;
    });
  }

  // A formula that is wider than its place is set in smaller type, down to two thirds; what is wider still scrolls.
  squeeze() {
    const formula = this.words?.querySelector(".mg-formula");
    if (!formula) return;
    formula.style.removeProperty("--squeeze");
    const pad = parseFloat(getComputedStyle(formula).paddingLeft) * 2;
    const share = (formula.clientWidth - pad) / (formula.scrollWidth - pad);
    if (share < 1) formula.style.setProperty("--squeeze", Math.max(0.66, 0.99 * share));
  }

  // The scene as this step needs it.
  dress() {
    const { lesson, step } = this;
    const all = lesson.knobs.map((knob) => knob.name);
    if (step === "reveal") Object.assign(this.values, lesson.shows);
    const shown = step === "play" ? all : step === "reveal" || step === "why" ? [...new Set([...lesson.tries, ...Object.keys(lesson.shows)])] : lesson.tries;
    this.scene.open(lesson, this.data.language, this.text, shown, this.values, step === "predict" ? 1 : null, step === "predict");
  }

  rest(knobs) {
    this.values = knobs;
    this.send("place", { step: this.step, knobs });
  }

  say_predict() {
    const { lesson, text } = this;
    const given = this.answers.prediction;
    return [element("p", "mg-question", [lesson.question]), element("h2", "", [text.learn_predict]), element("p", "", [lesson.prediction.ask]),
      this.options(lesson.prediction, "prediction", given),
      element("p", "mg-note", [given === undefined ? text.learn_predict_note : text.learn_locked])];
  }

  say_try() {
    return [element("h2", "", [this.text.learn_step_try]), element("p", "", [this.lesson.task])];
  }

  say_reveal() {
    const { lesson, text } = this;
    const { options, right, why } = lesson.prediction;
    const given = this.answers.prediction;
    const was = given === undefined ? [] : [element("p", "mg-verdict-line", [element("b", "", [text.learn_you_said]), ` ${options[given]} `,
      element("span", given === right ? "mg-right" : "mg-wrong", [given === right ? text.learn_right : text.learn_not_so])])];
    return [element("h2", "", [text.learn_step_reveal]), ...was,
      element("p", "mg-verdict-line", [element("b", "", [text.learn_it_showed]), ` ${options[right]}`]),
      element("p", "mg-why-line", [why]), element("p", "mg-surprise", [lesson.reveal])];
  }

  say_check() {
    const { lesson, text } = this;
    const parts = [element("h2", "", [text.learn_step_check])];
    lesson.checks.forEach((check, i) => {
      const key = `check-${i + 1}`;
      const given = this.answers[key];
      parts.push(element("div", "mg-check", [element("p", "mg-check-ask", [element("b", "", [`${i + 1}. `]), check.ask]), this.options(check, key, given),
        ...(given === undefined ? [] : [element("p", given === check.right ? "mg-feedback mg-right" : "mg-feedback mg-wrong",
          [element("b", "", [given === check.right ? text.learn_right : text.learn_not_so]), ` ${check.why}`], { role: "status" })])]));
    });
    return parts;
  }

  say_why() {
    const { lesson, text } = this;
    const formula = element("div", "mg-formula");
    formula.innerHTML = lesson.formula; // MathML made by the server from the lesson's own text
    return [element("h2", "", [text.learn_step_why]), element("p", "", [lesson.why]), formula,
      element("p", "mg-source", [`${text.learn_source}: `, element("a", "", [lesson.reference], { href: lesson.link, target: "_blank", rel: "noopener" })])];
  }

  say_play() {
    const { lesson, text } = this;
    const keep = element("button", "mg-button", [text.learn_keep], { type: "button", onclick: () => {
      this.kept.push({ ...this.scene.values }); // as on screen, also before the hand rests
      this.send("evidence", { all: this.kept });
      this.notice.say(text.learn_kept);
    } });
    const code = element("details", "mg-code", [element("summary", "", [text.learn_code]), element("pre", "", [element("code", "", [lesson.source])], { tabindex: "0" })]);
    return [element("h2", "", [text.learn_step_play]), element("p", "", [lesson.playOn]), keep, code];
  }

  say_end() {
    const { lesson, text, answers } = this;
    const row = (ask, question, given) => element("li", "", [element("p", "", [ask]),
      element("p", "", [element("b", "", [text.learn_you_said]), ` ${given === undefined ? text.learn_nothing : question.options[given]} `,
        ...(given === undefined ? [] : [element("span", given === question.right ? "mg-right" : "mg-wrong", [given === question.right ? text.learn_right : text.learn_not_so])])]),
      ...(given === question.right ? [] : [element("p", "", [element("b", "", [text.learn_it_showed]), ` ${question.options[question.right]}`])])]);
    const right = [["prediction", lesson.prediction], ...lesson.checks.map((check, i) => [`check-${i + 1}`, check])];
    const score = right.filter(([key, question]) => answers[key] === question.right).length;
    return [element("h2", "", [text.learn_step_end]), element("p", "mg-score", [fill(text.learn_score, { n: score, of: right.length })]),
      element("ol", "mg-summary", right.map(([key, question]) => row(question.ask, question, answers[key]))),
      element("p", "mg-note", [fill(text.learn_evidence, { n: this.data.lesson.evidence })])];
  }

  // The options of a question as buttons; once one is chosen it stays.
  options(question, key, given) {
    const shows = given !== undefined && key !== "prediction";
    return element("div", "mg-options", question.options.map((option, i) => element("button", "mg-option", [
      element("b", "", [LETTERS[i]]), element("span", "", [option])], { type: "button", "aria-pressed": given === i,
      disabled: given !== undefined ? "" : null,
      "data-mark": shows ? (i === question.right ? "right" : i === given ? "wrong" : null) : null,
      onclick: () => this.answer(key, i) })), { role: "group", "aria-label": question.ask });
  }

  answer(key, choice) {
    this.answers[key] = choice;
    this.send("answers", { all: this.answers }); // of two that are sent at once the server may see the second alone
    this.show();
    (key === "prediction" ? this.next : this.words.querySelector(".mg-option:not(:disabled)") ?? this.next).focus({ preventScroll: true });
  }

  leave() {
    this.present(false);
    this.send("open", { name: "" });
  }

  // --- before a class -------------------------------------------------------------------------------------------------

  present(on) {
    if (Boolean(this.presenting) === on) return;
    this.presenting = on;
    this.root.classList.toggle("mg-presenting", on);
    this.root.classList.toggle("mg-dark", !on && isDark(this.root));
    document.documentElement.classList.toggle("mg-presented", on);
    if (!on && this.blank) this.blank.hidden = true;
    this.restart();
    if (!this.lesson) return;
    this.presenter.textContent = on ? this.text.learn_present_end : this.text.learn_present;
    this.send("presenting", { on });
    this.show();
    if (on) this.notice.say(this.text.learn_present_keys);
    else this.notice.element.hidden = true;
  }

  restart() {
    this.began = Date.now();
    this.tick();
  }

  tick() {
    if (!this.lesson || !this.timer) return;
    const seconds = Math.floor((Date.now() - this.began) / 1000);
    const clock = (s) => `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
    this.timer.textContent = this.presenting ? `${clock(seconds)} / ${this.lesson.minutes}:00` : "";
    this.timer.classList.toggle("mg-over", seconds > this.lesson.minutes * 60);
  }

  key(event) {
    if (!this.lesson || event.ctrlKey || event.metaKey || event.altKey) return;
    const within = event.target.closest?.("input, textarea, select, [contenteditable], canvas, [role=radiogroup]");
    const keys = { ArrowRight: 1, PageDown: 1, ArrowLeft: -1, PageUp: -1 };
    if (this.presenting && (event.key === "b" || event.key === "B" || event.key === ".")) this.blank.hidden = !this.blank.hidden;
    else if (this.presenting && event.key === "Escape") this.present(false);
    else if (this.presenting && (event.key === "r" || event.key === "R")) this.restart();
    else if (this.presenting && event.key === " " && !event.target.closest?.("button, a, summary, input")) this.go(1);
    else if (keys[event.key] && !within && (this.presenting || event.target === document.body || this.root.contains(event.target))) this.go(keys[event.key]);
    else return;
    event.preventDefault();
  }

  destroy() {
    clearInterval(this.clock);
    removeEventListener("keydown", this.onKey);
    removeEventListener("resize", this.onSize);
    this.sizes.disconnect();
    document.documentElement.classList.remove("mg-presented");
    this.scene?.destroy();
    this.root.remove();
  }
}

export default function mount(component) {
  const host = component.parentElement;
  host.manigen ??= new Learn(host);
  host.manigen.update(component);
  return () => {
    host.manigen?.destroy();
    delete host.manigen;
  };
}
