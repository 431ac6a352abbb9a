// Trust: the honest line above every map, and the columns that say, point by point, where it lies.

import { element, fill } from "./parts.js";

const AGAIN = 700; // ms between two looks at a measuring that is not done
const PATIENCE = 200; // ms after the map's first paint: nothing here may hold that up

// Above this rank correlation of distances the large layout is a fair guide, below the second it is none.
const FAIR = 0.8;
const NONE = 0.5;

// A frame's columns as floats between the ends the header names, whole numbers as they are.
function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const columns = {};
  for (const { name, dtype, shape, offset, low, high } of header.columns) {
    if (dtype === "int32") {
      columns[name] = new Int32Array(buffer, 4 + length + offset, shape[0]);
      continue;
    }
    const steps = new Uint8Array(buffer, 4 + length + offset, shape[0]);
    columns[name] = Float32Array.from(steps, (step) => low + ((high - low) * step) / 255);
  }
  return { header, columns };
}

export class Trust {
  // on: { known(columns), panel() }
  constructor(text, on) {
    this.text = text;
    this.on = on;
    this.words = element("span", "", [], { role: "status" });
    this.more = element("button", "mg-link", [text.trust_open], { type: "button", onclick: () => on.panel() });
    this.element = element("div", "mg-honest", [element("i", "", [], { "aria-hidden": "true" }), this.words, this.more]);
  }

  // Ask for a map's figures, again and again while they are measured; another map asked for meanwhile ends it.
  async load(url) {
    this.url = url;
    this.header = null;
    this.element.dataset.level = "";
    this.words.textContent = this.text.trust_waiting;
    await new Promise((done) => setTimeout(done, PATIENCE));
    while (this.url === url) {
      let response;
      try {
        response = await fetch(url);
        if (this.url !== url) return;
        if (response.status === 200) return this.show(unpack(await response.arrayBuffer()));
        const about = await response.json();
        if (response.status !== 202 || about.state === "failed" || about.state === "stopped")
          return (this.words.textContent = fill(this.text.trust_failed, { why: about.error || about.state }));
        this.words.textContent = fill(this.text.trust_measuring, { percent: Math.round(100 * about.share) });
      } catch {
        this.words.textContent = this.text.trust_waiting; // the line is down: it comes back with the connection
      }
      await new Promise((done) => setTimeout(done, AGAIN));
    }
  }

  show({ header, columns }) {
    this.header = header;
    const { figures, k, codes, fitted = codes } = header;
    const kept = Math.round(k * figures.neighbour_recall[0]);
    const rank = figures.shepard_correlation[0];
    const far = rank >= FAIR ? "fair" : rank >= NONE ? "rough" : "none";
    const some = fitted < codes ? ` ${fill(this.text.trust_landmarks, { most: fitted.toLocaleString(), n: codes.toLocaleString() })}` : "";
    this.words.textContent = `${fill(this.text.trust_kept, { k, kept })} ${this.text[`trust_far_${far}`]}${some}`;
    this.element.dataset.level = kept >= k - 1 && far === "fair" ? "near" : "edge";
    this.element.dataset.kept = kept;
    this.on.known(columns);
  }
}
