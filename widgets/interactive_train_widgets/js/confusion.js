/* A matrix of counts as a heat map: true class by predicted class, and the same class by class. */

import { h, put, mark, show, chip } from "./dom.js";
import { grouped, words } from "./format.js";
import { ClassTable, Worst, percent } from "./classes.js";

// Names, counts, and each count's part of its row. Pure.
export function confusionModel({ matrix, block, classes }) {
  const name = (i) => {
    const [from, to] = [i * block, Math.min((i + 1) * block, classes) - 1];
    return from === to ? String(from) : `${from}–${to}`;
  };
  const sum = (values) => values.reduce((a, b) => a + b, 0);
  const rows = matrix.map((counts, i) => {
    const total = sum(counts);
    const cells = counts.map((count, j) => ({ count, share: total ? count / total : 0, right: i === j }));
    return { name: name(i), total, cells, hits: counts[i] ?? 0 };
  });
  return { names: matrix[0].map((_, j) => name(j)), rows, total: sum(rows.map((r) => r.total)), hits: sum(rows.map((r) => r.hits)) };
}

// How strongly a cell is coloured: rare mistakes stay visible beside hits.
export const strength = ({ share, right }) => (right || !share ? share : 0.15 + 0.85 * Math.sqrt(share));

export class Confusion {
  constructor(host, metric) {
    this.note = h("span", { class: "it-sub" });
    this.map = h("div", { class: "it-heats", tabindex: "0", "data-lm-suppress-shortcuts": "true", "aria-label": words(metric.name) });
    this.classes = new ClassTable(words(metric.name));
    this.worst = new Worst();
    this.sheet = h("div", { class: "it-classes", hidden: true, tabindex: "0", role: "region", "aria-label": `${words(metric.name)}, class by class`, "data-lm-suppress-shortcuts": "true" }, this.classes.el);
    const button = chip("by class", "Precision, recall and F1 of each class", () => {
      show(this.sheet, this.sheet.hidden);
      show(this.map, this.map.hidden);
      mark(button, "aria-pressed", !this.sheet.hidden);
    });
    this.el = h("div", { class: "it-confusion", "data-metric": metric.name },
      h("div", { class: "it-head" }, h("h3", {}, words(metric.name)), this.note, h("span", { class: "it-gap" }), button),
      this.map, this.sheet, this.worst.el);
  }

  update(metric) {
    if (this.step === metric.step || !this.el.offsetParent) return;
    this.step = metric.step;
    const model = confusionModel(metric);
    const coarse = metric.block > 1 ? `, in groups of ${metric.block} classes` : "";
    put(this.note, `${grouped(model.hits)} of ${grouped(model.total)} right at step ${grouped(metric.step)}${coarse}`);
    mark(this.el, "data-hits", model.hits);
    this.map.replaceChildren(this.heat(model, words(metric.name)));
    this.classes.update(model);
    this.worst.update(model);
  }

  heat(model, caption) {
    const cell = (row, { count, share, right }, j) => h("td", {
      class: right ? "it-hit" : "it-miss", style: `--part:${strength({ share, right }).toFixed(3)}`,
      title: `label ${row.name} read as ${model.names[j]}: ${grouped(count)} of ${grouped(row.total)} (${percent(share)})`,
    }, count ? grouped(count) : "·");
    const body = model.rows.map((row, i) => h("tr", {},
      i ? null : h("th", { class: "it-upright", rowspan: model.rows.length, scope: "rowgroup" }, h("span", {}, "label")),
      h("th", { scope: "row" }, row.name), ...row.cells.map((c, j) => cell(row, c, j))));
    return h("table", { class: "it-heat" }, h("caption", { class: "it-hidden" }, `${caption}: a row for each label, a column for what it was read as`),
      h("thead", {},
        h("tr", {}, h("td", { colspan: 2, rowspan: 2 }), h("th", { colspan: model.names.length, scope: "colgroup" }, "read as")),
        h("tr", {}, ...model.names.map((n) => h("th", { scope: "col" }, n)))),
      h("tbody", {}, ...body));
  }
}
