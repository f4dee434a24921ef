/* The card with the loss and the learning rate on one step axis. */

import { h, put, show, chip, mark, table } from "./dom.js";
import { Chart, readTheme } from "./chart.js";
import { lossModel, rateModel, lossCurves, courses, course, markers, nearby, reading, spoken } from "./curves.js";
import { horizon } from "./scales.js";
import { bucketAt } from "./protocol.js";
import { grouped, short, provenance } from "./format.js";

const SPOKEN_EVERY = 5000; // ms

export class Charts {
  constructor(host, panels) {
    this.host = host;
    this.view = { x: [0, 20], log: true, alpha: 0.9, whole: false, y: null, rateY: null, rateLog: false, course: null };
    this.cross = null;
    this.said = 0;
    this.end = null;
    this.el = h("section", { class: "it-card it-charts", "aria-label": "Curves" });
    if (panels.includes("loss")) this.addLoss();
    if (panels.includes("schedule")) this.addRate(!panels.includes("loss"));
    this.sheet = h("div", { class: "it-sheet", tabindex: "0", hidden: true, "data-lm-suppress-shortcuts": "true", "aria-label": "Values of the curves" });
    this.tip = h("div", { class: "it-tip", hidden: true });
    this.el.append(this.sheet, this.tip);
    this.el.addEventListener("pointerleave", () => this.point(null));
  }

  plot(name, label) {
    const canvas = h("canvas", { class: `it-canvas it-${name}`, role: "img", "aria-label": label });
    canvas.addEventListener("pointermove", (event) => this.point(event));
    this.el.append(h("div", { class: `it-plot it-plot-${name}` }, canvas));
    return new Chart(canvas);
  }

  addLoss() {
    const { view } = this;
    const redraw = () => this.host.redraw();
    const toggle = (key, button) => {
      view[key] = !view[key];
      mark(button, "aria-pressed", view[key]);
      redraw();
    };
    this.unit = h("span", { class: "it-sub it-unit" });
    const range = h("input", {
      type: "range", min: 0, max: 0.99, step: 0.01, value: 0.9, class: "it-smooth", "aria-label": "Smoothing",
    });
    const smooth = chip("smooth 0.90", "Smoothed curve over the raw one", () => {
      view.alpha = view.alpha ? 0 : Number(range.value) || 0.9;
      relabel();
    });
    const relabel = () => {
      mark(smooth, "aria-pressed", view.alpha > 0);
      put(smooth, view.alpha ? `smooth ${view.alpha.toFixed(2)}` : "smooth off");
      redraw();
    };
    range.addEventListener("input", () => {
      view.alpha = Number(range.value);
      relabel();
    });
    mark(smooth, "aria-pressed", true);
    this.log = chip("log", "Logarithmic loss axis", () => toggle("log", this.log));
    mark(this.log, "aria-pressed", true);
    this.whole = chip("whole plan", "Show the steps to the planned end", () => {
      this.end = null;
      toggle("whole", this.whole);
    });
    this.tabled = chip("table", "The values behind the curves", () => {
      show(this.sheet, this.sheet.hidden);
      mark(this.tabled, "aria-pressed", !this.sheet.hidden);
      redraw();
    });
    this.el.append(
      h("div", { class: "it-head" }, h("h3", {}, "Loss"), this.unit, h("span", { class: "it-gap" }),
        range, smooth, this.log, this.whole, this.tabled),
    );
    this.loss = this.plot("loss", "Loss curve");
  }

  addRate(alone) {
    this.chooser = h("select", { class: "it-chooser", hidden: true, "aria-label": "Knob whose course is drawn", onchange: () => {
      [this.view.course, this.view.rateY] = [this.chooser.value, null];
      this.host.redraw();
    } });
    this.words = h("span", { class: "it-sub it-words", role: "note" });
    const log = chip("log", "Logarithmic learning-rate axis", () => {
      this.view.rateLog = !this.view.rateLog;
      mark(log, "aria-pressed", this.view.rateLog);
      this.host.redraw();
    });
    this.el.append(
      h("div", { class: "it-head" }, (this.title = h("h3", {}, "Learning rate")), this.chooser,
        h("span", { class: "it-sub it-wide" }, "past, now, planned"), h("span", { class: "it-gap" }), this.words, log),
    );
    this.rate = this.plot("rate", "Learning rate");
    this.alone = alone;
  }

  point(event) {
    const chart = this.loss ?? this.rate;
    if (!event || !chart.box) this.cross = null;
    else {
      const step = Math.round(chart.x.invert(event.offsetX));
      const inside = step >= this.view.x[0] && step <= this.view.x[1];
      this.cross = inside ? step : null;
      this.at = [event.offsetX, event.currentTarget.parentNode.offsetTop + event.offsetY];
    }
    this.host.redraw();
  }

  update(frame, theme = this.theme ?? this.retheme()) {
    const { view } = this;
    const { run } = frame;
    this.end = horizon(this.end, run.firstStep, run.step, run.lastStep, view.whole);
    view.x = [run.firstStep, this.end];
    const margins = { left: theme.size * 4, right: theme.size * 5.6, top: theme.size * 1.9, bottom: theme.size * 1.9 };
    const width = this.el.clientWidth - margins.left - margins.right;
    const perPixel = (view.x[1] - view.x[0]) / Math.max(1, width);
    const marks = markers(frame, perPixel * theme.size * 2);
    const common = { marks, margins, cross: this.cross };
    if (this.loss) {
      const model = lossModel(frame, view, theme);
      this.loss.draw({ ...model, ...common, numbered: true, bare: Boolean(this.rate), margins: this.rate ? { ...margins, bottom: theme.size * 0.6 } : margins }, theme);
      put(this.unit, run.labels.loss ?? "");
      this.log.disabled = !model.canLog;
      this.whole.disabled = run.lastStep === null;
    }
    if (this.rate) {
      const model = rateModel(frame, view, theme);
      const top = this.alone ? margins.top : theme.size * 0.8;
      this.rate.draw({ ...model, ...common, numbered: this.alone, margins: { ...margins, top } }, theme);
      const { knob } = course(frame, view.course);
      this.choose(courses(frame), knob);
      put(this.words, knob ? provenance(knob, frame.journal) : "");
      this.words.title = this.words.textContent;
    }
    this.hint(frame, marks, perPixel, theme);
    this.speak(frame);
    if (!this.sheet.hidden) this.fill(frame);
  }

  // Offer the knobs that have a course, where there are several.
  choose(all, knob) {
    const keys = all.map((k) => k.key).join();
    if (keys !== this.keys) {
      this.keys = keys;
      const name = (k) => (k.path ? `${k.title} of ${k.path}` : k.title);
      this.chooser.replaceChildren(...all.map((k) => h("option", { value: k.key }, name(k))));
      put(this.title, all.length ? name(all[0]) : "Learning rate");
      show(this.chooser, all.length > 1);
      show(this.title, all.length < 2);
    }
    if (knob && this.chooser.value !== knob.key) this.chooser.value = knob.key;
    mark(this.rate.canvas, "data-course", knob?.key ?? "");
  }

  retheme() {
    this.theme = readTheme(this.el);
    return this.theme;
  }

  hint(frame, marks, perPixel, theme) {
    show(this.tip, this.cross !== null);
    if (this.cross === null) return;
    const rows = reading(frame, this.view, this.cross, theme).map(([name, value, colour]) =>
      h("div", {}, h("i", { style: `background:${colour}` }), `${name} `, h("b", {}, value)));
    const notes = nearby(marks, this.cross, perPixel * 8, frame.knobs).map((text) => h("div", { class: "it-note" }, text));
    this.tip.replaceChildren(h("div", {}, `step ${grouped(this.cross)}`), ...rows, ...notes);
    const [x, y] = this.at;
    const room = this.el.clientWidth - this.tip.offsetWidth - 24;
    const left = x + 24 > room ? x - this.tip.offsetWidth - 4 : x + 24;
    this.tip.style.transform = `translate(${Math.max(4, left)}px, ${Math.max(4, y - this.tip.offsetHeight / 2)}px)`;
  }

  speak(frame) {
    if (Date.now() - this.said < SPOKEN_EVERY) return;
    this.said = Date.now();
    const text = spoken(frame);
    for (const chart of [this.loss, this.rate]) {
      if (chart) mark(chart.canvas, "aria-label", `${chart === this.loss ? "Loss curve" : this.chooser.selectedOptions[0]?.text ?? "Learning rate"}: ${text}`);
    }
  }

  // About thirty rows over the whole run.
  fill(frame) {
    const curves = lossCurves(frame);
    const main = curves[0] ?? frame.curves.find((c) => c.count);
    if (!main || this.sheet.dataset.step === String(frame.run.step)) return;
    this.sheet.dataset.step = frame.run.step;
    const count = Math.min(30, main.count);
    const lr = frame.curves.find((c) => c.kind === "lr" && c.count);
    const rows = [];
    for (let r = 0; r < count; r++) {
      const step = main.steps[Math.round((r * (main.count - 1)) / Math.max(1, count - 1))];
      const value = (curve, values) => {
        const i = bucketAt(curve, step);
        return i < 0 ? "" : short(values[i], 4);
      };
      rows.push([
        grouped(step), ...curves.map((c) => value(c, c.mean)),
        value(main, main.low), value(main, main.high), lr ? value(lr, lr.mean) : "",
      ]);
    }
    const titles = ["step", ...curves.map((c) => c.label), `min ${main.label ?? ""}`, `max ${main.label ?? ""}`, "learning rate"];
    this.sheet.replaceChildren(table(titles, rows, "Loss and learning rate by step"));
  }
}
