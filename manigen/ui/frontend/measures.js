// Measures: a table of models in columns and measures in rows, each figure beside the real one; a row's head sorts the
// columns, its question mark says what the measure is. Under it the same figures drawn, one small panel for each measure.

import { element, fill, isDark } from "./parts.js";

const MARKS = ["●", "■", "▲", "◆", "▼", "★"]; // a shape for each model beside its colour
const COLOURS = ["#4477AA", "#EE7733", "#228833", "#AA3377", "#66CCEE", "#CCBB44"];

class Measures {
  constructor(host, component) {
    this.host = host;
    this.text = component.data.text;
    this.seq = 0;
    this.table = element("div", "mg-tablebox", [], { tabindex: 0, role: "region", "aria-label": this.text.cmp_table_label });
    this.note = element("p", "mg-tablenote", [], { hidden: "" });
    this.features = element("p", "mg-tablenote", [], { hidden: "" });
    this.panels = element("div", "mg-panels");
    this.head = element("header", "mg-panelhead", [element("h3", "", [this.text.cmp_panels]), element("p", "", [this.text.cmp_panels_note])]);
    this.why = element("div", "mg-why", [], { popover: "auto", role: "dialog" });
    this.root = element("div", "mg mg-measures", [this.table, this.note, this.features, this.head, this.panels, this.why]);
    host.append(this.root);
  }

  update({ data, setStateValue }) {
    Object.assign(this, { data, setStateValue });
    this.root.classList.toggle("mg-dark", isDark(this.host));
    const held = this.root.contains(document.activeElement) ? document.activeElement.dataset.id : null;
    this.drawTable();
    this.note.hidden = !data.note;
    this.note.textContent = data.note ?? "";
    this.features.hidden = !data.features;
    this.features.textContent = data.features;
    this.panels.replaceChildren(...data.rows.map((row) => this.panel(row)));
    if (held) this.root.querySelector(`[data-id="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
    this.root.dataset.sort = data.sort ?? "";
  }

  mark(model) {
    return element("i", "mg-mark", [MARKS[model.at % MARKS.length]], { "aria-hidden": "true", style: `color:${COLOURS[model.at % COLOURS.length]}` });
  }

  drawTable() {
    const { text, data } = this;
    const heads = data.models.map((model) =>
      element("th", "", [this.mark(model), element("span", "", [model.title])], { scope: "col" }));
    const table = element("table", "", [
      element("thead", "", [element("tr", "", [element("th", "", [text.cmp_measure], { scope: "col" }), ...heads])]),
      element("tbody", "", data.rows.map((row) => this.row(row)))]);
    this.table.replaceChildren(table);
  }

  row(row) {
    const { text, data } = this;
    const sorted = data.sort === row.name ? "ascending" : data.sort === `-${row.name}` ? "descending" : null;
    const next = sorted === "ascending" ? `-${row.name}` : sorted === "descending" ? "" : row.name;
    const arrow = sorted === "ascending" ? " ◂" : sorted === "descending" ? " ▸" : "";
    const state = sorted && text[sorted === "ascending" ? "cmp_sorted_best" : "cmp_sorted_worst"];
    const sorter = element("button", "mg-sorter", [row.title, element("em", "", [arrow], { "aria-hidden": "true" })], {
      type: "button", "data-id": `sort:${row.name}`, "aria-pressed": String(Boolean(sorted)),
      title: fill(text.cmp_sort, { title: row.title }) + (state ? ` (${state})` : ""),
      onclick: () => this.setStateValue("sort", { seq: `${Date.now()}-${++this.seq}`, by: next }),
    });
    const asker = element("button", "mg-asker", ["?"], {
      type: "button", "data-id": `why:${row.name}`, "aria-label": fill(text.cmp_why, { title: row.title }), onclick: (event) => this.explain(row, event.target),
    });
    const head = element("th", "", [element("div", "mg-rowhead", [sorter, asker]), element("small", "", [row.aim])], { scope: "row" });
    return element("tr", "", [head, ...row.cells.map((cell) => this.cell(cell))], { "data-measure": row.name, "data-sorted": sorted ?? null });
  }

  cell(cell) {
    const { text } = this;
    if (!cell) return element("td", "mg-nothing", [element("span", "", ["–"], { title: text.cmp_none, "aria-label": text.cmp_none })]);
    const figure = [element("b", "", [cell.value])];
    if (cell.error) figure.push(element("span", "mg-plus", [` ± ${cell.error}`]));
    if (cell.best) figure.push(element("span", "mg-best", [text.cmp_best], { title: text.cmp_best_long }));
    const beside = [cell.real && fill(text.cmp_of_real, { value: cell.real }), cell.n ? fill(text.cmp_n, { n: cell.n }) : text.cmp_no_n];
    return element("td", cell.best ? "mg-winner" : "", [element("div", "mg-figure", figure), element("small", "", [beside.filter(Boolean).join(" · ")])]);
  }

  explain(row, by) {
    const { text } = this;
    const { why } = row;
    this.why.setAttribute("aria-label", row.title);
    this.why.replaceChildren(
      element("header", "", [element("b", "", [row.title]), element("button", "", ["×"], { type: "button", "aria-label": text.cmp_close_panel, onclick: () => this.why.hidePopover() })]),
      element("p", "", [why.sentence]),
      element("pre", "", [why.note], { tabindex: 0 }),
      element("p", "mg-source", [`${text.cmp_source}: `, element("a", "", [why.reference], { href: why.link, target: "_blank", rel: "noopener noreferrer" })]),
      element("p", "mg-source", [`${text.cmp_definition}#${why.anchor}`]));
    this.why.showPopover({ source: by });
    const at = by.getBoundingClientRect();
    const own = this.why.getBoundingClientRect();
    this.why.style.left = `${Math.max(8, Math.min(at.left, innerWidth - own.width - 12))}px`;
    const below = at.bottom + 8;
    this.why.style.top = `${below + own.height < innerHeight ? below : Math.max(8, at.top - own.height - 8)}px`;
  }

  // --- the same, drawn -----------------------------------------------------------------------------------------------

  panel(row) {
    const { text, data } = this;
    const { panel } = row;
    const lines = data.models.map((model, at) => {
      const cell = row.cells[at];
      const track = element("span", "mg-line");
      const place = panel.at[at];
      if (place !== null && place !== undefined)
        track.append(element("i", "mg-dot", [MARKS[model.at % MARKS.length]], { style: `left:${100 * place}%;color:${COLOURS[model.at % COLOURS.length]}` }));
      const value = element("span", cell?.best ? "mg-value mg-winner" : "mg-value", [cell?.value ?? "–"]);
      return element("li", "", [element("span", "mg-label", [model.tag], { title: model.title }), track, value]);
    });
    const over = element("div", "mg-over", [], { "aria-hidden": "true" });
    if (panel.real !== null) over.append(element("i", "mg-real", [], { style: `left:${100 * panel.real}%` }));
    if (panel.aim !== null) over.append(element("i", "mg-aim", [], { style: `left:${100 * panel.aim}%` }));
    const way = { left: `← ${text.cmp_lower}`, right: `${text.cmp_higher} →`, middle: fill(text.cmp_middle, { value: row.aimValue }) }[panel.better] ?? text.cmp_no_best;
    const foot = [panel.realWords && fill(text.cmp_panel_real, { value: panel.realWords }), panel.log && text.cmp_log].filter(Boolean).join(" · ");
    return element("figure", "mg-spread", [
      element("figcaption", "", [element("b", "", [row.title]), element("small", "", [way])]),
      element("div", "mg-field", [element("ul", "", lines), over]),
      element("small", "mg-panelfoot", [foot])], { "data-measure": row.name });
  }

  destroy() {
    this.root.remove();
  }
}

export default function mount(component) {
  const host = component.parentElement;
  host.manigen ??= new Measures(host, component);
  host.manigen.update(component);
  return () => {
    host.manigen?.destroy();
    delete host.manigen;
  };
}
