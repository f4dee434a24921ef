/* A matrix of counts as a heat map: true class by predicted class, and the same class by class. */

import { h, put, mark, show, chip, table } from "./dom.js";
import { grouped, words } from "./format.js";

// Names, counts, each count's part of its row, and what a class was mostly taken for. Pure.
export function confusionModel({ matrix, block, classes }) {
  const name = (i) => {
    const [from, to] = [i * block, Math.min((i + 1) * block, classes) - 1];
    return from === to ? String(from) : `${from}–${to}`;
  };
  const sum = (values) => values.reduce((a, b) => a + b, 0);
  const rows = matrix.map((counts, i) => {
    const total = sum(counts);
    const cells = counts.map((count, j) => ({ count, share: total ? count / total : 0, right: i === j }));
    const wrong = cells.map((cell, j) => ({ ...cell, name: name(j) })).filter((cell) => !cell.right && cell.count);
    const most = wrong.reduce((a, b) => (a && a.count >= b.count ? a : b), null);
    return { name: name(i), total, cells, hits: counts[i] ?? 0, most };
  });
  return { names: matrix[0].map((_, j) => name(j)), rows, total: sum(rows.map((r) => r.total)), hits: sum(rows.map((r) => r.hits)) };
}

// How strongly a cell is coloured: rare mistakes stay visible beside hits.
export const strength = ({ share, right }) => (right || !share ? share : 0.15 + 0.85 * Math.sqrt(share));

const percent = (part) => `${(100 * part).toFixed(part < 0.1 && part > 0 ? 1 : 0)} %`;

export class Confusion {
  constructor(host, metric) {
    this.note = h("span", { class: "it-sub" });
    this.map = h("div", { class: "it-heats", tabindex: "0", "data-lm-suppress-shortcuts": "true", "aria-label": words(metric.name) });
    this.sheet = h("div", { class: "it-classes", hidden: true });
    const button = chip("table", "The same class by class", () => {
      show(this.sheet, this.sheet.hidden);
      show(this.map, this.map.hidden);
      mark(button, "aria-pressed", !this.sheet.hidden);
    });
    this.el = h("div", { class: "it-confusion", "data-metric": metric.name },
      h("div", { class: "it-head" }, h("h3", {}, words(metric.name)), this.note, h("span", { class: "it-gap" }), button),
      this.map, this.sheet);
  }

  update(metric) {
    if (this.step === metric.step || !this.el.offsetParent) return;
    this.step = metric.step;
    const model = confusionModel(metric);
    put(this.note, `${grouped(model.hits)} of ${grouped(model.total)} right at step ${grouped(metric.step)}`);
    mark(this.el, "data-hits", model.hits);
    this.map.replaceChildren(this.heat(model, words(metric.name)));
    const titles = ["label", "examples", "right", "part", "most often read as"];
    const rows = model.rows.map(({ name, total, hits, most }) => [
      name, grouped(total), grouped(hits), total ? percent(hits / total) : "–", most ? `${most.name} (${grouped(most.count)})` : "–",
    ]);
    this.sheet.replaceChildren(table(titles, rows, `${words(metric.name)}, class by class`));
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
