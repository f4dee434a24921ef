/* What is set seldom on the charts: smoothing, axes, the table, files. */

import { h, put, show, chip, mark } from "./dom.js";
import { csv, svg, png, download, fileName } from "./export.js";
import { decode } from "./protocol.js";

export class Menu {
  constructor(charts) {
    this.charts = charts;
    const { view } = charts;
    this.range = h("input", { type: "range", min: 0, max: 0.99, step: 0.01, value: view.alpha, class: "it-smooth", "aria-label": "Smoothing" });
    this.range.addEventListener("input", () => this.smooth(Number(this.range.value)));
    const toggle = (key, text, label, then = () => {}) => {
      const button = chip(text, label, () => {
        view[key] = !view[key];
        mark(button, "aria-pressed", view[key]);
        then();
        charts.redraw();
      });
      mark(button, "aria-pressed", view[key]);
      return button;
    };
    this.log = toggle("log", "log loss", "Logarithmic loss axis");
    this.logX = toggle("logX", "log steps", "Logarithmic step axis", () => {
      view.window = null;
    });
    this.whole = toggle("whole", "whole plan", "Show the steps to the planned end", () => {
      charts.end = null;
    });
    this.tabled = chip("table", "The values behind the curves", () => this.lay(charts.sheet.hidden));
    charts.sheet.addEventListener("keydown", (event) => event.key === "Escape" && this.lay(false));
    const file = (kind, label) => h("button", { type: "button", class: "it-chip", title: label, onclick: (event) => this.save(kind, event) }, kind.toUpperCase());
    this.said = h("span", { class: "it-sub", role: "status" });
    const row = (title, ...items) => h("div", { class: "it-row", role: "group", "aria-label": title }, h("span", { class: "it-sub" }, title), ...items);
    this.el = h("div", { class: "it-menu", hidden: true, role: "group", "aria-label": "Chart settings" },
      row("smoothing", this.range), row("axes", this.log, this.logX, this.whole), row("values", this.tabled),
      row("save as", file("csv", "Every recorded step"), file("png", "Picture"), file("svg", "Drawing")), this.said);
    this.button = h("button", {
      type: "button", class: "it-chip it-round", title: "Chart settings and files", "aria-label": "Chart settings and files", "aria-expanded": "false",
      onclick: () => this.open(this.el.hidden),
    }, "⋯");
    this.el.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.open(false);
      this.button.focus();
    });
    this.el.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget && relatedTarget !== this.button && !this.el.contains(relatedTarget)) this.open(false);
    });
  }

  open(visible) {
    show(this.el, visible);
    mark(this.button, "aria-expanded", visible);
  }

  // The table over the charts; the way back is where it was chosen.
  lay(visible) {
    show(this.charts.sheet, visible);
    mark(this.tabled, "aria-pressed", visible);
    this.open(false);
    (visible ? this.charts.sheet : this.button).focus();
    this.charts.redraw();
  }

  // Null: on again, as it was.
  smooth(alpha) {
    const { view, smooth, redraw } = this.charts;
    view.alpha = alpha ?? (Number(this.range.value) || 0.9);
    mark(smooth, "aria-pressed", view.alpha > 0);
    put(smooth, view.alpha ? `smooth ${view.alpha.toFixed(2)}` : "smooth off");
    redraw();
  }

  update(model, run) {
    this.log.disabled = !model.canLog;
    this.whole.disabled = run.lastStep === null;
  }

  async save(kind, event) {
    const { charts } = this;
    const { frame, theme, host } = charts;
    const plots = [charts.loss, charts.rate].filter((chart) => chart?.model);
    const { run } = frame;
    if (kind === "png") this.keep(run, kind, await png(plots, run, theme));
    else if (kind === "svg") this.keep(run, kind, new Blob([svg(plots, run, theme)], { type: "image/svg+xml" }));
    else if (host.face === "live") {
      put(this.said, "asking for the recorded rows …");
      host.ask(event, (content, buffers) => this.table(decode(content, buffers, Float64Array), run));
    } else {
      this.table({ ...frame, curves: frame.curves.filter((c) => c.window === undefined && c.kind !== "plan" && c.kind !== "past") }, run);
    }
  }

  table(rows, run) {
    const cut = Math.max(0, ...rows.curves.map((c) => (c.whole ?? c.count) - c.count));
    this.keep(run, "csv", new Blob(csv(rows), { type: "text/csv" }));
    if (cut) put(this.said, `${this.said.textContent}, without the first ${cut} steps`);
  }

  keep(run, kind, blob) {
    const name = fileName(run, kind);
    download(name, blob);
    put(this.said, `${name} saved`);
  }
}
