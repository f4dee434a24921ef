/* The card with the loss and the schedule on one step axis. */

import { h, put, show, chip, mark, table } from "./dom.js";
import { Chart, readTheme } from "./chart.js";
import { lossModel, rateModel, lossCurves, courses, course, markers, nearby, reading, spoken } from "./curves.js";
import { horizon } from "./scales.js";
import { asked, fitted, panned, pinched, zoomed } from "./zoom.js";
import { listen, NEARER } from "./gestures.js";
import { Legend } from "./legend.js";
import { Tip } from "./tip.js";
import { Setter } from "./setter.js";
import { Menu } from "./menu.js";
import { bucketAt } from "./protocol.js";
import { grouped, short, provenance } from "./format.js";

const SPOKEN_EVERY = 5000; // ms
const ASK_AFTER = 120; // ms without a move after which the kernel is asked for the window

export class Charts {
  constructor(host, panels) {
    this.host = host;
    this.view = {
      x: [0, 20], window: null, cross: null, dragged: null, log: true, logX: false, alpha: 0.9, whole: false, y: null,
      rateY: null, rateLog: false, course: null, hidden: new Set(), styles: new Map(),
    };
    this.said = 0;
    this.end = null;
    this.redraw = () => host.redraw();
    this.el = h("section", { class: "it-card it-charts", "aria-label": "Curves" });
    this.sheet = h("div", { class: "it-sheet", tabindex: "0", hidden: true, "data-lm-suppress-shortcuts": "true", "aria-label": "Values of the curves" });
    this.tip = new Tip();
    if (panels.includes("loss")) this.addLoss();
    if (panels.includes("schedule")) this.addRate(!panels.includes("loss"));
    this.el.append(this.sheet, this.tip.el);
    this.el.addEventListener("pointerleave", (event) => event.pointerType === "touch" || this.point(null));
  }

  plot(name, label) {
    const canvas = h("canvas", {
      class: `it-canvas it-${name}`, role: "img", tabindex: "0", "aria-label": label, "data-lm-suppress-shortcuts": "true",
      "aria-description": "Arrow keys read the curves, plus and minus zoom, shift and arrow keys move, 0 shows all",
    });
    const plot = h("div", { class: `it-plot it-plot-${name}` }, canvas);
    this.el.append(plot);
    const chart = new Chart(canvas);
    const { view } = this;
    listen(canvas, chart, {
      point: (step) => this.point(step),
      key: (count) => this.walk(chart, count),
      select: (range) => {
        [view.select, view.cross] = [range, null];
        this.redraw();
      },
      zoom: (range) => this.zoom(fitted(range, this.limits)),
      by: (factor, centre) => this.by(factor, centre),
      pan: (part) => view.window && this.zoom(panned(view.window, part, this.limits, view.logX)),
      pinch: (range, before, now) => this.zoom(pinched(range, before, now, this.limits, view.logX)),
      reset: () => this.zoom(null),
    });
    return chart;
  }

  addLoss() {
    const { view } = this;
    this.legend = new Legend(this.redraw);
    this.smooth = chip("smooth 0.90", "Smoothed curve over the raw one", () => this.menu.smooth(view.alpha ? 0 : null));
    mark(this.smooth, "aria-pressed", true);
    const button = (text, label, onclick) => h("button", { type: "button", class: "it-chip it-round", title: label, "aria-label": label, onclick }, text);
    this.near = button("+", "Zoom in", () => this.by(NEARER));
    this.far = button("−", "Zoom out", () => this.by(1 / NEARER));
    this.all = button("⟲", "Show all steps", () => this.zoom(null));
    this.menu = new Menu(this);
    this.el.append(
      h("div", { class: "it-head" }, h("h3", {}, "Loss"), this.legend.el, this.smooth,
        h("span", { class: "it-group", role: "group", "aria-label": "Zoom" }, this.near, this.far, this.all), this.menu.button),
      this.menu.el,
    );
    this.loss = this.plot("loss", "Loss curve");
  }

  addRate(alone) {
    this.chooser = h("select", { class: "it-chooser", hidden: true, "aria-label": "Knob whose course is drawn", onchange: () => {
      [this.view.course, this.view.rateY] = [this.chooser.value, null];
      this.redraw();
    } });
    this.words = h("span", { class: "it-sub it-words", role: "note" });
    this.held = h("span", { class: "it-group it-held" });
    const log = chip("log", "Logarithmic axis of the value", () => {
      this.view.rateLog = !this.view.rateLog;
      mark(log, "aria-pressed", this.view.rateLog);
      this.redraw();
    });
    this.el.append(
      h("div", { class: "it-head" }, (this.title = h("h3", {}, "Learning rate")), this.chooser,
        h("span", { class: "it-sub it-wide" }, "past, now, planned"), h("span", { class: "it-gap" }), this.words, this.held, log),
    );
    this.rate = this.plot("rate", "Learning rate");
    this.alone = alone;
  }

  // -- what is looked at ------------------------------------------------------------------------

  point(step) {
    const [low, high] = this.view.x;
    const at = Math.round(step);
    this.view.cross = step === null || at < low || at > high ? null : at;
    this.redraw();
  }

  // The crosshair by some pixels' worth of steps; the picture follows it.
  walk(chart, count) {
    if (!this.frame || !chart.box) return;
    const { view } = this;
    const stride = Math.max(1, Math.round((view.x[1] - view.x[0]) / 100));
    const last = Math.min(view.x[1], this.frame.run.step);
    const to = view.cross === null ? last : view.cross + count * stride;
    view.cross = Math.round(Math.min(Math.max(to, this.limits[0]), this.limits[1]));
    if (view.window && (view.cross < view.window[0] || view.cross > view.window[1])) {
      this.zoom(panned(view.window, (count * stride) / (view.window[1] - view.window[0]), this.limits));
    }
    this.walked = true;
    this.redraw();
  }

  by(factor, centre = this.view.cross ?? (this.view.x[0] + this.view.x[1]) / 2) {
    this.zoom(zoomed(this.view.x, centre, factor, this.limits, this.view.logX));
  }

  zoom(window) {
    if (!this.frame) return;
    this.view.window = window;
    this.redraw();
    clearTimeout(this.asking);
    this.asking = setTimeout(() => this.host.adapt("adapt"), ASK_AFTER);
  }

  // What the kernel shall send beside the whole curves.
  get wanted() {
    return this.limits ? asked(this.view.window, this.limits) : null;
  }

  // -- drawing ----------------------------------------------------------------------------------

  update(frame, theme = this.theme ?? readTheme(this.el), frozen = true) {
    const { view } = this;
    const { run } = frame;
    [this.theme, this.frame] = [theme, frame];
    this.end = horizon(this.end, run.firstStep, run.step, run.lastStep, view.whole);
    this.limits = [view.logX ? run.firstStep + 1 : run.firstStep, this.end];
    if (view.window) view.window = fitted(view.window, this.limits);
    view.x = view.window ?? this.limits;
    const margins = { left: theme.size * 5.2, right: theme.size * 6.2, top: theme.size * 1.9, bottom: theme.size * 1.9 };
    const width = this.el.clientWidth - margins.left - margins.right - 24;
    const perPixel = (view.x[1] - view.x[0]) / Math.max(1, width);
    const marks = markers(frame, perPixel * theme.size * 2);
    const common = { marks, margins, logX: view.logX, cross: view.cross, select: view.select };
    if (this.loss) {
      const model = lossModel(frame, view, theme);
      const bottom = this.rate ? theme.size * 0.6 : margins.bottom;
      this.loss.draw({ ...model, ...common, numbered: true, bare: Boolean(this.rate), margins: { ...margins, bottom } }, theme);
      this.legend.update(model.curves, view, theme);
      this.menu.update(model, run);
      this.near.disabled = view.x[1] - view.x[0] <= 4;
      this.far.disabled = this.all.disabled = !view.window;
    }
    if (this.rate) this.drawRate(frame, theme, common, frozen);
    mark(this.el, "data-window", view.window ? view.window.map(Math.round).join("-") : "");
    this.hint(frame, marks, perPixel, theme);
    this.speak(frame);
    if (!this.sheet.hidden) this.fill(frame);
  }

  drawRate(frame, theme, common, frozen) {
    const { view } = this;
    const { knob } = course(frame, view);
    this.choose(courses(frame), knob);
    if (knob && this.setter?.key !== knob.key) this.attach(knob);
    if (!knob && this.setter) this.detach();
    this.setter?.update(knob, frame, frozen);
    view.dragged = this.setter?.pending ?? null;
    const model = rateModel(frame, view, theme);
    const top = this.alone ? common.margins.top : theme.size * 0.8;
    this.rate.draw({ ...model, ...common, numbered: this.alone, margins: { ...common.margins, top } }, theme);
    this.setter?.place(frame, model.now, frozen);
    put(this.words, this.setter?.error || (knob ? provenance(knob, frame.journal) : ""));
    this.words.title = this.words.textContent;
  }

  attach(knob) {
    this.detach();
    this.setter = new Setter(this.host, knob, this.rate, this.redraw);
    this.held.append(this.setter.release, this.setter.box);
    this.rate.canvas.after(this.setter.handle);
  }

  detach() {
    this.setter?.handle.remove();
    this.held.replaceChildren();
    this.setter = null;
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

  // The values of all curves at the crosshair, and who intervened there.
  hint(frame, marks, perPixel, theme) {
    const { view } = this;
    const inside = view.cross !== null && view.cross >= view.x[0] && view.cross <= view.x[1];
    if (!inside) return this.tip.hide();
    const read = reading(frame, view, theme);
    const notes = nearby(marks, view.cross, perPixel * 8, frame.knobs);
    this.tip.update(this.loss ?? this.rate, view.cross, read, notes, theme);
    if (!this.walked) return;
    put(this.host.live, `step ${grouped(view.cross)}: ${read.map(([name, value]) => `${name} ${value}`).concat(notes).join(", ")}`);
    this.walked = false;
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
    const curves = lossCurves(frame, this.view).filter((c) => !c.hidden);
    const main = curves[0] ?? frame.curves.find((c) => c.count);
    const state = `${frame.run.step} ${this.view.x} ${curves.length}`;
    if (!main || this.sheet.dataset.state === state) return;
    this.sheet.dataset.state = state;
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
