// Sprites: where one has zoomed in so far that few points are left, they are shown as the pictures they stand for.

import { imageOf } from "./picture.js";

const MOST = 120; // pictures at once
const QUIET = 220; // ms without a change of the view, before they are asked for
const KEPT = 1500; // pictures that are remembered

export class Sprites {
  // on: { drawn() }
  constructor(live, on) {
    this.live = live;
    this.on = on;
    this.forget(null);
  }

  // Another model: other pictures.
  forget(model) {
    this.model = model;
    this.pictures = new Map();
    this.points = [];
  }

  // The view has changed; once it rests, ask for the pictures of the points in it, if they are few.
  look(map, columns, model) {
    if (model !== this.model) this.forget(model);
    this.points = visible(map, columns);
    clearTimeout(this.timer);
    const missing = this.points.map((i) => columns.row[i]).filter((row) => !this.pictures.has(row));
    if (!missing.length) return;
    this.timer = setTimeout(() => {
      this.live.ask("sprites", { op: "rows", model, rows: missing }, (reply) => {
        if (reply.error || model !== this.model) return;
        if (this.pictures.size > KEPT) this.pictures.clear();
        missing.forEach((row, i) => {
          const image = imageOf(reply, i);
          const canvas = new OffscreenCanvas(image.width, image.height);
          canvas.getContext("2d").putImageData(image, 0, 0);
          this.pictures.set(row, canvas);
        });
        this.on.drawn();
      });
    }, QUIET);
  }

  draw(pen, map, columns) {
    if (!this.points.length) return;
    const [width, height] = map.size();
    const side = Math.min(56, Math.max(20, 0.55 * Math.sqrt((width * height) / this.points.length)));
    pen.save();
    pen.imageSmoothingEnabled = false;
    pen.lineWidth = 2;
    for (const i of this.points) {
      const picture = this.pictures.get(columns.row[i]);
      if (!picture) continue;
      const [px, py] = map.toPixel([columns.x[i], columns.y[i]]);
      pen.drawImage(picture, px - side / 2, py - side / 2, side, side);
      pen.strokeStyle = map.colourOf(columns.label[i]);
      pen.strokeRect(px - side / 2, py - side / 2, side, side);
    }
    pen.restore();
  }
}

// Which points are in view, none where they are too many.
function visible(map, { x, y, label, many }) {
  const { x0, x1, y0, y1 } = map.view;
  const points = [];
  if (many && many.total > many.sent) return points; // there are others between them
  for (let i = 0; i < x.length; i++) {
    if (x[i] < x0 || x[i] > x1 || y[i] < y0 || y[i] > y1 || map.hidden.has(label[i])) continue;
    points.push(i);
    if (points.length > MOST) return [];
  }
  return points;
}
