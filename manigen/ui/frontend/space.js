// Space: a camera around a 3-D map. Points are seen from far away, so equal steps look equal wherever they lie.
//
// It casts them onto its plane, and everything drawn over a flat map (lines, pins, a lasso) is drawn over that shadow.

const HOME = [0.7, 0.4]; // turn and height of the first look
const LEVELS = 6; // of nearness, which size and ink tell
const REACH = 14; // px around the pointer in which the foremost point says how deep it points

export class Camera {
  constructor(points) {
    this.points = points;
    this.n = points.length / 3;
    this.centre = [0, 1, 2].map((axis) => mean(points, axis));
    const far = new Float32Array(this.n);
    for (let i = 0; i < this.n; i++) far[i] = Math.hypot(...this.centre.map((c, axis) => points[3 * i + axis] - c));
    this.reach = far.sort()[Math.floor(0.995 * (this.n - 1))] || 1;
    [this.x, this.y, this.depth] = [0, 1, 2].map(() => new Float32Array(this.n));
    this.order = new Int32Array(this.n);
    this.level = new Uint8Array(this.n);
    this.home();
  }

  home() {
    [this.yaw, this.pitch] = HOME;
    this.cast();
  }

  turn(yaw, pitch) {
    this.yaw += yaw;
    this.pitch = Math.max(-1.5, Math.min(1.5, this.pitch + pitch));
    this.cast();
  }

  // The shadow of all points, and their order from the farthest to the foremost.
  cast() {
    const [sa, ca, sb, cb] = [Math.sin(this.yaw), Math.cos(this.yaw), Math.sin(this.pitch), Math.cos(this.pitch)];
    this.axes = [[ca, sa, 0], [-sa * sb, ca * sb, cb], [-sa * cb, ca * cb, -sb]]; // right, up, away
    const { points, x, y, depth, n, reach, order, level } = this;
    const [[a, b, c], [d, e, f], [g, h, k]] = this.axes;
    const [cx, cy, cz] = this.centre;
    const bins = 512;
    const starts = new Int32Array(bins + 1);
    const bin = (i) => Math.max(0, Math.min(bins - 1, ((1 - depth[i] / reach) * bins) >> 1));
    for (let i = 0; i < n; i++) {
      const [px, py, pz] = [points[3 * i] - cx, points[3 * i + 1] - cy, points[3 * i + 2] - cz];
      x[i] = a * px + b * py + c * pz;
      y[i] = d * px + e * py + f * pz;
      depth[i] = g * px + h * py + k * pz;
      starts[bin(i) + 1]++;
    }
    for (let at = 0; at < bins; at++) starts[at + 1] += starts[at];
    for (let i = 0; i < n; i++) {
      const at = bin(i);
      order[starts[at]++] = i;
      level[i] = (at * LEVELS) / bins;
    }
  }

  // Where a place in space is seen.
  project(place) {
    const away = place.map((value, axis) => value - this.centre[axis]);
    return this.axes.slice(0, 2).map((axis) => dot(axis, away));
  }

  // The place in space behind one on the plane: as deep as the foremost point around it, or as the nearest one.
  lift([u, v], unit, shown) {
    const near = (REACH * unit) ** 2;
    let [best, depth, front] = [Infinity, 0, Infinity];
    for (let i = 0; i < this.n; i++) {
      const far = (this.x[i] - u) ** 2 + (this.y[i] - v) ** 2;
      if ((far >= best && far >= near) || !shown(i)) continue;
      if (far < near) front = Math.min(front, this.depth[i]);
      if (far < best) [best, depth] = [far, this.depth[i]];
    }
    if (front < Infinity) depth = front;
    return this.centre.map((c, axis) => c + u * this.axes[0][axis] + v * this.axes[1][axis] + depth * this.axes[2][axis]);
  }

  // What a server needs to cast the same shadow: (p - centre) on the two axes.
  view() {
    return { centre: this.centre, axes: this.axes.slice(0, 2) };
  }
}

// How large and how inky a point of each level is, the farthest first.
export const NEARNESS = Array.from({ length: LEVELS }, (_, level) => ({ size: 0.72 + (0.5 * level) / (LEVELS - 1), ink: 0.42 + (0.58 * level) / (LEVELS - 1) }));

// The map as Plotly draws it in space, for a page or a picture to take away; `eye` as the camera stands.
export function spaceFigure(traces, camera, paper) {
  const [, , away] = camera.axes;
  const axis = { visible: false };
  const scene = { xaxis: axis, yaxis: axis, zaxis: axis, aspectmode: "data",
    camera: { eye: { x: -1.5 * away[0], y: -1.5 * away[1], z: -1.5 * away[2] }, projection: { type: "orthographic" } } };
  return { data: traces, layout: { scene, margin: { l: 0, r: 0, t: 0, b: 0 }, paper_bgcolor: paper, showlegend: true } };
}

function mean(points, axis) {
  let sum = 0;
  for (let i = axis; i < points.length; i += 3) sum += points[i];
  return sum / (points.length / 3);
}

function dot(a, b) {
  return a.reduce((sum, value, at) => sum + value * b[at], 0);
}
