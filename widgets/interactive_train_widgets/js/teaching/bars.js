/* A bar for each class, in places that never change; the largest is marked by more than colour. */

import { h, mark, put } from "../dom.js";

// A probability in as many characters whatever it is. Pure.
export function percentOf(part) {
  if (!Number.isFinite(part)) return "–";
  if (part >= 0.995 && part < 1) return ">99 %";
  if (part > 0 && part < 0.005) return "<1 %";
  return `${Math.round(100 * part)} %`;
}

export class ClassBars {
  constructor() {
    this.el = h("div", { class: "itp-bars", role: "img", "data-picture": true, "aria-label": "Not computed yet" });
    this.rows = [];
  }

  update(classes, chances, best, empty = false) {
    if (this.rows.length !== classes.length) {
      this.rows = classes.map(() => {
        const [name, bar, value] = [h("span", { class: "itp-bar-name" }), h("i"), h("span", { class: "it-number itp-bar-value" })];
        return { name, bar, value, el: h("div", { class: "itp-bar" }, name, h("span", { class: "itp-track" }, bar), value) };
      });
      this.el.replaceChildren(...this.rows.map((row) => row.el));
    }
    this.rows.forEach((row, i) => {
      put(row.name, classes[i]);
      row.bar.style.width = empty ? "0" : `${(100 * chances[i]).toFixed(1)}%`;
      put(row.value, empty ? "" : percentOf(chances[i]));
      mark(row.el, "data-best", !empty && i === best);
    });
  }
}
