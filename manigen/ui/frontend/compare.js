// Compare: one column for each model, one section for each question. The picture under the hand, or with the focus, is
// shown large for every model at once, in the heads of the columns, which stay in view.

import { element, fill, icon, isDark, sentence } from "./parts.js";

const RAIL = "real"; // the first column: what the models are compared with

class Compare {
  constructor(host, component) {
    this.host = host;
    this.text = component.data.text;
    this.seq = 0;
    this.sheets = new Map(); // pictures by their address, decoded once
    this.lit = { section: null, index: 0 };
    this.heads = element("div", "mg-heads");
    this.body = element("div", "mg-sections");
    this.root = element("div", "mg mg-compare", [this.heads, this.body], { role: "region", "aria-label": this.text.cmp_label });
    this.root.addEventListener("keydown", (event) => this.key(event));
    host.append(this.root);
  }

  update({ data, setStateValue }) {
    Object.assign(this, { data, setStateValue });
    this.root.classList.toggle("mg-dark", isDark(this.host));
    this.root.style.setProperty("--columns", data.models.length + 1);
    this.root.style.setProperty("--proportion", data.shape[2] / data.shape[1]);
    this.columns = [{ key: RAIL }, ...data.models.map((model) => ({ key: model.name, model }))];
    const held = document.activeElement?.closest?.(".mg-shot, .mg-ask");
    const again = this.root.contains(held) ? held.dataset.id : null;
    this.drawHeads();
    this.shots = new Map(); // section -> one list of items for each column
    this.body.replaceChildren(...data.sections.map((section) => this.section(section)));
    const known = data.sections.some(({ key, count }) => key === this.lit.section && this.lit.index < count);
    if (!known) this.lit = { section: data.sections.find(({ count }) => count)?.key ?? null, index: 0 };
    delete this.root.dataset.lit;
    this.light(this.lit.section, this.lit.index);
    if (again) this.root.querySelector(`[data-id="${CSS.escape(again)}"]`)?.focus({ preventScroll: true });
    this.root.dataset.ready = data.pending ? "partly" : "all";
  }

  // --- the heads: each model's name, and its answer large ------------------------------------------------------------

  drawHeads() {
    const { text } = this;
    const drawn = JSON.stringify([this.data.models, this.data.dataTitle]);
    if (drawn === this.drawn) return; // the same stages stay, so that nothing flickers when more pictures come
    this.drawn = drawn;
    this.stages = new Map();
    this.heads.replaceChildren(...this.columns.map(({ key, model }) => {
      const tag = element("span", "mg-tag");
      const canvas = element("canvas", "mg-picture", [], { role: "img" });
      const second = element("canvas", "mg-picture mg-second", [], { role: "img", hidden: "" });
      const frame = element("div", "mg-frame", [canvas, tag]);
      const caption = element("p", "mg-caption");
      const name = model
        ? [element("b", "", [model.bare]), element("b", "mg-short", [model.tag]), element("small", "", [model.about])]
        : [element("b", "", [text.cmp_real]), element("b", "mg-short", [text.cmp_real_tag]), element("small", "", [this.data.dataTitle])];
      this.stages.set(key, { canvas, second, frame, tag, caption });
      const beside = element("div", "mg-beside", [frame, second]);
      const inside = element("div", "mg-headin", [element("div", "mg-name", name, { title: model?.title ?? "" }), beside, caption]);
      return element("div", "mg-headcell", [inside], { "data-column": key });
    }));
  }

  async light(key, index) {
    this.lit = { section: key, index };
    for (const [section, columns] of this.shots)
      for (const shots of columns.values())
        shots.forEach((shot, at) => {
          const is = section === key && at === index;
          shot.classList.toggle("mg-lit", is);
          shot.tabIndex = at === (section === key ? index : 0) ? 0 : -1;
        });
    const section = this.data.sections.find((one) => one.key === key);
    if (!section) return;
    const turn = (this.turn = (this.turn ?? 0) + 1);
    for (const { key: column } of this.columns) {
      const cell = section.cells[column];
      const item = cell?.items?.[Math.min(index, cell.items.length - 1)];
      const stage = this.stages.get(column);
      stage.frame.hidden = !item;
      stage.second.hidden = !(item && cell.pairs);
      stage.caption.replaceChildren(...(item ? [item.caption] : column === RAIL ? [] : sentence(cell?.words ?? cell?.pending ?? "")));
      stage.frame.dataset.level = item?.level ?? "";
      if (!item) continue;
      stage.tag.textContent = cell.real ? this.text.cmp_real_tag : this.text.generated;
      stage.canvas.setAttribute("aria-label", `${item.label}, ${stage.tag.textContent}, ${item.caption}`);
      stage.second.setAttribute("aria-label", cell.pairsReal ? this.text.cmp_nearest : this.text.cmp_nearest_generated);
      stage.second.title = cell.pairsReal ? this.text.cmp_nearest : this.text.cmp_nearest_generated;
      const at = Math.min(index, cell.items.length - 1);
      const sheets = await Promise.all([this.sheet(cell.url), cell.pairs ? this.sheet(cell.pairs) : null]);
      if (turn !== this.turn) return;
      this.paint(stage.canvas, sheets[0], at, cell.items.length);
      if (sheets[1]) this.paint(stage.second, sheets[1], at, cell.items.length);
    }
    this.root.dataset.lit = `${key}-${index}`;
  }

  // --- sections ------------------------------------------------------------------------------------------------------

  section(section) {
    this.shots.set(section.key, new Map());
    const head = element("header", "mg-sectionhead", [
      element("div", "", [element("h3", "", [section.title]), element("p", "", [section.note])]), this.controls(section)]);
    if (section.words)
      return element("section", "mg-section", [head, element("p", "mg-why-not", sentence(section.words))], { "data-section": section.key, "aria-label": section.title });
    const cells = element("div", "mg-cells", this.columns.map((column) => this.cell(section, column)));
    return element("section", "mg-section", [head, cells], { "data-section": section.key, "aria-label": section.title });
  }

  cell(section, { key, model }) {
    const { text } = this;
    const cell = section.cells[key];
    const name = model ? model.title : text.cmp_real;
    const content = [element("div", "mg-cellname", [name])];
    if (cell?.items) {
      const shots = cell.items.map((item, at) => this.shot(section, cell, item, at, name, key));
      this.shots.get(section.key).set(key, shots);
      this.fillShots(cell, shots);
      content.push(element("div", "mg-shots", shots, { role: "group", "aria-label": `${section.title}: ${name}` }));
    }
    if (cell?.pending) content.push(element("p", "mg-waiting", [cell.pending], { role: "status" }));
    if (cell?.words) content.push(element("p", "mg-why-not", sentence(cell.words)));
    const foot = cell?.foot ?? "";
    if (foot || cell?.items)
      content.push(element("p", "mg-cellfoot", [element("span", "mg-made", [cell.real ? text.cmp_real_tag : text.generated]), foot]));
    return element("div", "mg-cell", content, { "data-column": key, "data-kind": section.key });
  }

  shot(section, cell, item, at, name, key) {
    const { text } = this;
    const label = `${name}: ${item.label}, ${cell.real ? text.cmp_real_tag : text.generated}, ${item.caption}`;
    const parts = [element("canvas", "mg-picture", [], { "aria-hidden": "true" })];
    if (cell.pairs) parts.push(element("canvas", "mg-picture mg-pair", [], { "aria-hidden": "true" }));
    if (item.under !== undefined) parts.push(element("span", "mg-under", [item.under || "…"]));
    const shot = element("button", "mg-shot", parts, {
      type: "button", "aria-label": label, title: `${item.label} · ${item.caption}`, tabindex: -1,
      "data-id": `${section.key}:${key}:${at}`, "data-level": item.level ?? "", "data-copied": item.copied ? "true" : null,
    });
    const light = () => this.light(section.key, at);
    shot.addEventListener("pointerenter", light);
    shot.addEventListener("focus", light);
    return shot;
  }

  async fillShots(cell, shots) {
    const [sheet, pairs] = await Promise.all([this.sheet(cell.url), cell.pairs ? this.sheet(cell.pairs) : null]);
    shots.forEach((shot, at) => {
      this.paint(shot.firstChild, sheet, at, shots.length);
      if (pairs) this.paint(shot.children[1], pairs, at, shots.length);
    });
  }

  sheet(url) {
    if (!this.sheets.has(url)) {
      if (this.sheets.size > 120) this.sheets.clear();
      const image = new Image();
      image.src = url;
      this.sheets.set(url, image.decode().then(() => image));
    }
    return this.sheets.get(url);
  }

  paint(canvas, sheet, at, count) {
    const wide = sheet.naturalWidth / count;
    canvas.width = wide;
    canvas.height = sheet.naturalHeight;
    canvas.getContext("2d").drawImage(sheet, -at * wide, 0);
  }

  // --- what is asked -------------------------------------------------------------------------------------------------

  controls(section) {
    const { text, data } = this;
    const again = (label, wish) => element("button", "mg-button mg-ask", [icon("reset"), label],
      { type: "button", "data-id": `ask:${section.key}`, onclick: () => this.ask(wish()) });
    if (!section.asks) return element("div", "mg-asks");
    if (section.key === "rebuilt")
      return element("div", "mg-asks", [again(text.cmp_again_pictures, () => ({ pictures: data.asked.pictures + 1 }))]);
    if (section.key === "sampled")
      return element("div", "mg-asks", [element("span", "mg-seed", [fill(text.cmp_seed, data.asked)]),
        again(text.cmp_again_samples, () => ({ seed: data.asked.seed + 1 }))]);
    // What was chosen last counts, also before the answer to it has come: a quick hand picks both ends at once.
    const pair = [...data.asked.pair];
    const pick = (label, id, options, value, act) => {
      const select = element("select", "mg-ask", options.map(([key, name]) => element("option", "", [name], { value: key })),
        { "data-id": `ask:${id}`, onchange: (event) => this.ask(act(event.target.value)) });
      select.value = value;
      return element("label", "", [label, select]);
    };
    const classes = [["x", text.cmp_any], ...section.classes.map((name, at) => [String(at), name])];
    const spell = (place, value) => {
      pair[place] = value;
      return { pair: `${pair[0] ?? "x"}.${pair[1] ?? "x"}.${pair[2]}` };
    };
    const asks = [pick(text.cmp_kind, "kind", data.kinds.map(({ name, title }) => [name, title]), data.asked.kind, (kind) => ({ kind }))];
    if (section.classes.length > 1)
      asks.push(pick(text.cmp_from, "from", classes, String(pair[0] ?? "x"), (value) => spell(0, value)),
        pick(text.cmp_to, "to", classes, String(pair[1] ?? "x"), (value) => spell(1, value)));
    asks.push(again(text.cmp_again_pair, () => spell(2, pair[2] + 1)));
    return element("div", "mg-asks", asks);
  }

  ask(wish) {
    this.root.dataset.ready = "asked";
    this.setStateValue("wish", { seq: `${Date.now()}-${++this.seq}`, ...wish });
  }

  key(event) {
    const shot = event.target.closest?.(".mg-shot");
    if (!shot) return;
    const [section, column] = shot.dataset.id.split(":");
    const columns = this.shots.get(section);
    const shots = columns.get(column);
    const at = shots.indexOf(shot);
    const order = [...columns.keys()];
    const beside = (step) => columns.get(order[order.indexOf(column) + step])?.[at];
    const go = {
      ArrowRight: () => shots[at + 1] ?? beside(0), ArrowLeft: () => shots[at - 1],
      ArrowDown: () => beside(1), ArrowUp: () => beside(-1), Home: () => shots[0], End: () => shots.at(-1),
    }[event.key];
    if (!go) return;
    event.preventDefault();
    go()?.focus({ preventScroll: false });
  }

  destroy() {
    this.root.remove();
  }
}

export default function mount(component) {
  const host = component.parentElement;
  host.manigen ??= new Compare(host, component);
  host.manigen.update(component);
  return () => {
    host.manigen?.destroy();
    delete host.manigen;
  };
}
