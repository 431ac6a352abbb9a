// Beside: another map of the same codes next to the first. One hand and one lasso are seen on both.

import { labelOf, loadColumns, MapView, placeOf } from "./map.js";
import { element, fill } from "./parts.js";
import { Trust } from "./trust.js";

const EDGE = 12; // px from a map's edge to what stands along it

export class Beside {
  // on: { hover(beside, place, pixel, moment, pressed), pin(beside, place, pixel), select(beside, polygon, hidden), moved(beside), say(sentence) }
  constructor(text, on) {
    this.text = text;
    this.title = element("b");
    this.trust = new Trust(text, { known: (columns) => {
      this.trusted(columns);
      this.view.settle(); // its words may have taken another line
    } });
    this.trust.more.remove();
    this.field = element("div", "mg-map", [], { role: "group" });
    this.head = element("div", "mg-besidehead", [this.title, this.trust.element]);
    this.element = element("div", "mg-beside", [this.head, this.field]);
    this.view = new MapView(this.field, {
      hover: (...given) => on.hover(this, ...given),
      pin: (place, pixel) => on.pin(this, place, pixel),
      select: (polygon, hidden) => on.select(this, polygon, hidden),
      moved: () => on.moved(this),
    }, true, () => [this.head.offsetHeight + EDGE, 0]);
    this.on = on;
  }

  // What is shown: { map, title, mapUrl, trustUrl }; how, as the first map is.
  async update(shown, look) {
    const fresh = shown.mapUrl !== this.shown?.mapUrl;
    Object.assign(this, { shown, map: shown.map, look });
    this.title.textContent = shown.title;
    this.field.setAttribute("aria-label", fill(this.text.beside_label, { map: shown.title }));
    if (fresh) {
      const columns = await loadColumns(shown.mapUrl);
      if (this.shown !== shown && this.shown.mapUrl !== shown.mapUrl) return;
      this.columns = columns;
      this.trust.load(shown.trustUrl);
    }
    if (!this.columns) return;
    await this.view.show(this.columns, this.look);
    this.on.moved(this);
  }

  trusted(columns) {
    if (this.columns.many) return this.view.renew();
    const { hollow, ...values } = columns;
    Object.assign(this.columns, values);
    this.columns.hollow = new Uint8Array(this.columns.label.length);
    for (const row of hollow) this.columns.hollow[row] = 1;
    this.view.restyle();
  }

  destroy() {
    this.trust.url = null;
    this.view.destroy();
    this.element.remove();
  }
}

// The rows of a view's shown points that lie inside a polygon of its places; of many points, of those that were sent.
export function rowsInside({ columns: { x, y, label, row }, hidden }, polygon) {
  const rows = [];
  for (let i = 0; i < x.length; i++) {
    if (hidden.has(label[i])) continue;
    let inside = false;
    for (let a = 0, b = polygon.length - 1; a < polygon.length; b = a++) {
      const [[ax, ay], [bx, by]] = [polygon[a], polygon[b]];
      if (ay > y[i] !== by > y[i] && x[i] < ax + ((y[i] - ay) * (bx - ax)) / (by - ay)) inside = !inside;
    }
    if (inside) rows.push(row[i]);
  }
  return rows;
}

// On a view: where the codes lie that the hand is near to on another map, the nearest one largest; and what a lasso holds there.
export function drawElsewhere(pen, view, { near, chosen, dark, accent }) {
  const { columns } = view;
  pen.fillStyle = dark ? "#fff" : "#14161e";
  for (const row of chosen) {
    const place = placeOf(columns, row);
    if (!place || view.hidden.has(labelOf(columns, row))) continue;
    const [px, py] = view.toPixel(place);
    pen.fillRect(px - 1.6, py - 1.6, 3.2, 3.2);
  }
  near.forEach((row, i) => {
    const place = placeOf(columns, row);
    if (!place) return;
    const [px, py] = view.toPixel(place);
    pen.beginPath();
    pen.arc(px, py, i ? 5 : 9, 0, 7);
    pen.lineWidth = i ? 2 : 3;
    pen.strokeStyle = dark ? "#12141a" : "#fff";
    pen.stroke();
    pen.lineWidth = i ? 1.4 : 2.2;
    pen.strokeStyle = accent;
    pen.stroke();
  });
}
