// A small map that tells where a code lies: painted once, a bead on it, its trail, and lines to the nearest real codes.
// A click anywhere asks for the code behind that place.

import { loadColumns, MapView, placeOf } from "./map.js";
import { element, fill } from "./parts.js";

const TRAIL = 40; // places
const SIZE = 14; // px of the classes' names

export class PlaceMap {
  // on: { start(code) when a place is clicked, say(sentence) }
  constructor(text, live, on) {
    Object.assign(this, { text, live, on, trail: [] });
    this.field = element("div", "mg-map mg-place", [], { role: "img", "aria-label": text.place_map });
    this.hint = element("div", "mg-hint", [text.place_hint]);
    this.map = new MapView(this.field, { pin: (place) => this.start(place), moved: () => this.redraw() });
    this.still = element("canvas", "mg-overlay"); // the classes' names: drawn once, not with every move
    this.map.overlay.before(this.still);
    this.field.append(this.hint);
  }

  async show({ model, map, mapUrl, classes }, dark) {
    const changed = mapUrl !== this.mapUrl;
    Object.assign(this, { model, name: map, mapUrl, classes, dark });
    this.field.hidden = !mapUrl;
    if (!mapUrl) return;
    try {
      if (changed) {
        const columns = await loadColumns(mapUrl);
        if (this.mapUrl !== mapUrl) return;
        Object.assign(this, { columns, trail: [], at: null });
      }
      if (this.columns) await this.map.show(this.columns, { plotlyUrl: null, colourBy: "label", classes, dark });
      this.centres = this.map.centres();
    } catch (problem) {
      this.on.say(fill(this.text.map_failed, { why: problem.message }));
    }
    this.redraw();
  }

  redraw() {
    if (!this.columns || !this.map?.overlay) return;
    this.names();
    this.draw();
  }

  // Rows of the real codes: all, and by class.
  rows() {
    return this.columns?.row ?? [];
  }

  members() {
    const { row } = this.columns ?? {};
    return new Map([...(this.map.groups ?? [])].filter(([group]) => group >= 0).map(([group, at]) => [group, at.map((i) => row[i])]));
  }

  start(place) {
    this.live.ask("place", { op: "hover", model: this.model, map: this.name, at: place, want_code: true }, (reply) => {
      if (reply.error) this.on.say(reply.error);
      else if (reply.header.model === this.model) this.on.start(reply.header.code);
    }, null);
  }

  // The bead is put elsewhere: the way there was no way through the codes, so it leaves no trail.
  lift() {
    this.trail = [];
  }

  stand(at, level, neighbours) {
    this.trail.push(at);
    if (this.trail.length > TRAIL) this.trail.shift();
    Object.assign(this, { at, neighbours });
    this.field.dataset.level = level;
    this.draw();
  }

  draw() {
    if (!this.columns || !this.map?.overlay) return;
    const pen = this.map.overlay.getContext("2d");
    const [width, height] = this.map.size();
    pen.clearRect(0, 0, width, height);
    if (!this.at) return;
    const ink = this.dark ? "255,255,255" : "20,22,30";
    const points = this.trail.map((place) => this.map.toPixel(place));
    pen.lineWidth = 2;
    for (let i = 1; i < points.length; i++) {
      pen.strokeStyle = `rgba(${ink},${(0.75 * i) / points.length})`;
      pen.beginPath();
      pen.moveTo(...points[i - 1]);
      pen.lineTo(...points[i]);
      pen.stroke();
    }
    const [x, y] = points.at(-1);
    pen.lineWidth = 1.2;
    pen.strokeStyle = `rgba(${ink},.5)`;
    for (const { row } of this.neighbours ?? []) {
      const place = placeOf(this.columns, row);
      if (!place) continue;
      pen.beginPath();
      pen.moveTo(x, y);
      pen.lineTo(...this.map.toPixel(place));
      pen.stroke();
    }
    pen.beginPath();
    pen.arc(x, y, 8, 0, 7);
    pen.fillStyle = getComputedStyle(this.field).getPropertyValue("--mg-state") || "#4F46C8";
    pen.fill();
    pen.lineWidth = 2.5;
    pen.strokeStyle = "#fff";
    pen.stroke();
  }

  // Those that find room: on a small map, one name over another says less than none.
  names() {
    const { width, height } = this.map.overlay;
    Object.assign(this.still, { width, height });
    const pen = this.still.getContext("2d");
    pen.setTransform(this.map.overlay.getContext("2d").getTransform());
    pen.font = `700 ${SIZE}px ${getComputedStyle(this.field).fontFamily}`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineWidth = 4;
    pen.lineJoin = "round";
    pen.strokeStyle = this.dark ? "rgba(18,20,26,.8)" : "rgba(255,255,255,.85)";
    pen.fillStyle = this.dark ? "#fff" : "#1b1d22";
    const taken = [];
    for (const [group, place] of this.centres ?? []) {
      const at = this.map.toPixel(place);
      const name = this.classes[group] ?? String(group);
      const half = pen.measureText(name).width / 2;
      if (taken.some(([x, y, other]) => Math.abs(x - at[0]) < half + other && Math.abs(y - at[1]) < SIZE)) continue;
      taken.push([...at, half]);
      pen.strokeText(name, ...at);
      pen.fillText(name, ...at);
    }
  }

  destroy() {
    this.map.destroy();
  }
}
