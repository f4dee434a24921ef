/* A matrix of counts class by class: precision, recall, F1; and what is taken for what most often. */

import { h, put, mark } from "./dom.js";
import { grouped } from "./format.js";

const PAIRS = 5;

// One row for each class: of `support` examples so many were found; null where nothing can be said. Pure.
export function perClass({ names, rows }) {
  return rows.map((row, i) => {
    const predicted = rows.reduce((sum, r) => sum + (r.cells[i]?.count ?? 0), 0);
    const { total: support, hits } = row;
    const both = support + predicted;
    return {
      name: names[i] ?? row.name, order: i, support, hits,
      precision: predicted ? hits / predicted : null,
      recall: support ? hits / support : null,
      f1: both ? (2 * hits) / both : null,
    };
  });
}

// The mean over the classes that have examples; a class that was never predicted counts as 0. Pure.
export function macro(classes) {
  const known = classes.filter((c) => c.support > 0);
  const mean = (key) => (known.length ? known.reduce((sum, c) => sum + (c[key] ?? 0), 0) / known.length : null);
  return { name: "mean", support: classes.reduce((n, c) => n + c.support, 0), precision: mean("precision"), recall: mean("recall"), f1: mean("f1") };
}

// Rows in the order of a column; what is not known comes last either way. Pure.
export function sorted(rows, key, descending) {
  const sign = descending ? -1 : 1;
  return rows.toSorted((a, b) => {
    if (a[key] === null || b[key] === null) return (a[key] === null) - (b[key] === null) || a.order - b.order;
    return sign * (a[key] - b[key]) || a.order - b.order;
  });
}

// The mistakes that were made most often: {label, read, count, share of the label's examples}. Pure.
export function worstPairs({ names, rows }, most = PAIRS) {
  const pairs = rows.flatMap((row) => row.cells.map(({ count, share, right }, j) => ({ label: row.name, read: names[j], count, share, right })));
  return pairs.filter((p) => !p.right && p.count > 0).sort((a, b) => b.count - a.count || b.share - a.share).slice(0, most);
}

export const percent = (part) => `${(100 * part).toFixed(part < 0.1 && part > 0 ? 1 : 0)}\u00a0%`;
const part = (value) => (value === null ? "–" : value.toFixed(3));

const COLUMNS = [["order", "class", ""], ["support", "support", "Examples of the class"],
  ["precision", "precision", "Of what was read as the class, the part that was right"],
  ["recall", "recall", "Of the examples of the class, the part that was found"], ["f1", "F1", "Harmonic mean of precision and recall"]];

export class ClassTable {
  constructor(name) {
    [this.key, this.descending] = ["order", false];
    this.body = h("tbody", {});
    this.foot = h("tfoot", {});
    this.heads = COLUMNS.map(([key, text, title]) => {
      const button = h("button", { type: "button", class: "it-sort", title, onclick: () => this.sort(key) }, text);
      return h("th", { scope: "col", "data-key": key }, button);
    });
    this.el = h("table", { class: "it-table it-class-table" },
      h("caption", { class: "it-hidden" }, `${name}: precision, recall and F1 of each class; the buttons in the head sort`),
      h("thead", {}, h("tr", {}, ...this.heads)), this.body, this.foot);
    this.arrow();
  }

  sort(key) {
    this.descending = this.key === key ? !this.descending : key === "support";
    this.key = key;
    this.arrow();
    this.fill();
  }

  arrow() {
    for (const head of this.heads) {
      const own = head.dataset.key === this.key;
      mark(head, "aria-sort", own ? (this.descending ? "descending" : "ascending") : "none");
    }
  }

  update(model) {
    this.classes = perClass(model);
    this.fill();
  }

  fill() {
    const row = (c, cell) => h("tr", {}, h(cell, { scope: "row" }, c.name), h("td", {}, grouped(c.support)),
      ...[c.precision, c.recall, c.f1].map((value) => h("td", {}, part(value))));
    this.body.replaceChildren(...sorted(this.classes, this.key, this.descending).map((c) => row(c, "th")));
    this.foot.replaceChildren(row(macro(this.classes), "th"));
  }
}

// A line of the most frequent mistakes.
export class Worst {
  constructor() {
    this.el = h("p", { class: "it-worst" });
  }

  update(model) {
    const pairs = worstPairs(model).map((p) => `${p.label} as ${p.read}: ${grouped(p.count)} (${percent(p.share)})`);
    put(this.el, pairs.length ? `Most often mistaken: ${pairs.join(", ")}` : "No mistakes");
  }
}
