// The stages of a walk: the exact picture of each kind side by side, large and crisp, framed by how far it can be trusted.

import { element, fill } from "./parts.js";
import { swatch, tidy } from "./film.js";

const GAP = 14;
const WORDS = 62; // px above and below a picture
const NARROW = 170; // px below which a picture has its verdict in two rows (interpolate.css)
const ROW = 19; // px of the second

export class Looks {
  constructor(text) {
    Object.assign(this, { text, looks: new Map() });
    this.element = element("section", "mg-looks", [], { "aria-label": text.stage_label });
  }

  setKinds(kinds) {
    const { text } = this;
    this.looks = new Map(kinds.map((kind, i) => {
      const canvas = element("canvas", "mg-picture", [], { role: "img", "aria-label": `${kind.title}, ${text.generated}` });
      const frame = element("div", "mg-frame", [canvas, element("span", "mg-tag", [text.generated])]);
      if (i === kinds.length - 1)
        frame.append(element("button", "mg-smoother", [text.smooth], { type: "button", onclick: (event) => this.smooth(event.target) }));
      const verdict = element("b");
      const distance = element("span");
      const from = element("span", "mg-from", [element("i", "", [` ${text.walk_from_data}`])], { title: text.distance_help });
      from.prepend(distance);
      const look = element("figure", "mg-look", [
        element("figcaption", "", [swatch(kind), kind.title], { title: kind.sentence }), frame,
        element("div", "mg-foot", [verdict, from])], { "data-kind": kind.name });
      return [kind.name, { look, canvas, frame, verdict, distance }];
    }));
    this.element.replaceChildren(...[...this.looks.values()].map(({ look }) => look));
  }

  setLevel(name, level) {
    const { look } = this.looks.get(name);
    if (look.dataset.level !== level) look.dataset.level = look.querySelector(".mg-frame").dataset.level = level;
  }

  // The words under a picture; called at the screen's own pace.
  say(name, level, distance) {
    const { text } = this;
    const look = this.looks.get(name);
    look.verdict.textContent = level ? text[`level_${level}`].replace(/:$/, ".").replace(/：$/, "。") : "";
    look.verdict.title = level ? `${text[`level_${level}`]} ${text[`level_${level}_more`]}` : "";
    look.distance.textContent = level ? fill(text.times, { value: tidy(distance) }) : "–";
  }

  smooth(button) {
    const smooth = this.element.closest(".mg").classList.toggle("mg-smooth");
    button.textContent = smooth ? this.text.crisp : this.text.smooth;
  }

  // The largest pictures that `width` x `height` px have room for, in one row or several; height / width of one is `tall`.
  fit(width, height, tall) {
    const count = Math.max(1, this.looks.size);
    let best = { side: 0, across: 1 };
    for (let across = 1; across <= count; across++) {
      const down = Math.ceil(count / across);
      const room = (words) => Math.min((width - GAP * (across - 1)) / across, (height - GAP * (down - 1) - words * down) / down / tall);
      const side = room(WORDS) < NARROW ? room(WORDS + ROW) : room(WORDS);
      if (side > best.side) best = { side, across };
    }
    this.element.style.setProperty("--side", `${Math.floor(best.side)}px`);
    this.element.style.setProperty("--across", best.across);
  }
}
