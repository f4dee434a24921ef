/* The misclassified examples: a wall of places, and who hangs there. */

import { h, mark, put, show } from "../dom.js";
import { grouped } from "../format.js";
import { percentOf } from "./bars.js";
import { paint, palettes, tileSize } from "./pixels.js";
import { RunButtons, TeachingCard } from "./view.js";

const TILE = 64;

// What stands at a place, in words. Pure.
export const placeText = (label, read, confidence) => `${label} read as ${read}, ${percentOf(confidence)}`;

class Place {
  constructor() {
    this.canvas = h("canvas", { class: "itp-tile", role: "img", "aria-label": "empty" });
    this.label = h("b", {});
    this.read = h("span", { class: "itp-misread" });
    this.surely = h("span", { class: "it-sub it-number" });
    this.bar = h("i");
    this.caption = h("div", { class: "itp-caption", "aria-hidden": "true" },
      h("div", {}, this.label, h("span", { class: "it-sub" }, " read as "), this.read), this.surely);
    this.el = h("li", { class: "itp-place" }, this.canvas, h("span", { class: "itp-track", "aria-hidden": "true" }, this.bar), this.caption);
    this.example = null;
  }

  update(example, label, read, confidence, bytes, rows, columns, colours) {
    const hangs = example >= 0;
    mark(this.el, "data-example", hangs ? example : "");
    show(this.canvas, hangs);
    const { width, height } = tileSize(rows, columns, TILE);
    this.el.style.setProperty("--tile-width", `${width}px`);
    this.el.style.setProperty("--tile-height", `${height}px`);
    if (hangs && this.example !== null && this.example !== example) {
      this.el.classList.remove("itp-new");
      void this.el.offsetWidth; // begins the animation anew
      this.el.classList.add("itp-new");
    }
    this.example = example;
    put(this.label, hangs ? label : "");
    put(this.read, hangs ? read : "");
    put(this.surely, hangs ? percentOf(confidence) : "");
    this.bar.style.width = hangs ? `${(100 * confidence).toFixed(1)}%` : "0";
    this.caption.style.visibility = hangs ? "visible" : "hidden";
    if (!hangs) return;
    paint(this.canvas, bytes, rows, columns, colours);
    mark(this.canvas, "aria-label", placeText(label, read, confidence));
  }
}

class Wall {
  constructor(card) {
    this.card = card;
    this.places = Array.from({ length: card.options.count }, () => new Place());
    this.sum = h("div", { class: "itp-sum it-number" });
    this.filter = h("div", { class: "itp-filter", role: "group", "aria-label": "Show the examples of a class" });
    this.empty = h("div", { class: "itp-sub itp-none", hidden: true });
    this.chips = [];
    this.buttons = new RunButtons(card);
    card.tools.append(this.sum, h("span", { class: "it-gap" }), this.filter);
    card.body.append(this.empty, h("ul", { class: "itp-wall", "aria-label": "Misread examples, the most confident first" }, ...this.places.map((p) => p.el)));
  }

  classes(names, counts, picked) {
    if (this.chips.length !== names.length + 1) {
      this.chips = [-1, ...names.keys()].map((label) => {
        const [name, count] = [h("span", {}), h("span", { class: "itp-count it-number" })];
        const el = h("button", { type: "button", class: "it-chip", onclick: () => this.card.choose("label", label) }, name, count);
        return { el, name, count, label };
      });
      this.filter.replaceChildren(...this.chips.map((c) => c.el));
    }
    for (const { el, name, count, label } of this.chips) {
      const errors = label < 0 ? counts.reduce((a, b) => a + b, 0) : counts[label];
      put(name, label < 0 ? "All" : names[label]);
      put(count, grouped(errors));
      mark(el, "aria-pressed", label === picked);
      mark(el, "aria-label", `${label < 0 ? "All classes" : `Class ${names[label]}`}: ${errors} misread`);
    }
  }

  draw({ data, arrays, run }, theme) {
    this.buttons.update(run);
    if (this.theme !== theme) [this.theme, this.colours] = [theme, palettes(theme).ink];
    const { classes, counts, errors, total, picked, label } = data;
    put(this.sum, `${grouped(errors)} of ${grouped(total)} misread, ${((100 * errors) / total).toFixed(1)} %`);
    this.classes(classes, counts, label);
    const [, rows, columns] = arrays.pictures.shape;
    const size = rows * columns;
    this.places.forEach((place, i) => {
      const bytes = arrays.pictures.data.subarray(i * size, (i + 1) * size);
      place.update(
        arrays.places.data[i], classes[arrays.labels.data[i]], classes[arrays.read.data[i]], arrays.confidence.data[i], bytes, rows, columns, this.colours,
      );
    });
    show(this.empty, picked === 0);
    put(this.empty, label < 0 ? "Everything is read right." : `Every ${classes[label]} is read right.`);
    mark(this.card.root, "data-errors", errors);
    mark(this.card.root, "data-label", label);
    mark(this.card.root, "data-resting", run.status !== "running");
  }
}

export default {
  render({ model, el }) {
    return new TeachingCard(model, el, (card) => new Wall(card)).connect();
  },
};
