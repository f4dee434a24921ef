/* Metrics: value, best, course; of a matrix its classes. */

import { h, put, mark, show } from "./dom.js";
import { grouped, steady, words } from "./format.js";
import { mapping } from "./scales.js";
import { Confusion } from "./confusion.js";

const BESIDE = 12; // rows of a matrix that leaves room for the other metrics beside it

export class Metrics {
  constructor(host, limit) {
    this.host = host;
    this.limit = limit;
    this.rows = new Map();
    this.el = h("section", { class: "it-metrics", "aria-label": "Metrics" });
  }

  add(metric) {
    const row = metric.matrix ? new Confusion(this.host, metric) : this.plain(metric);
    this.rows.set(metric.name, row);
    this.el.append(row.el);
    return row;
  }

  plain(metric) {
    const row = {
      value: h("b", { class: "it-value it-number" }),
      best: h("span", { class: "it-sub it-best it-number" }),
      canvas: h("canvas", { class: "it-spark", role: "img", "aria-label": `Course of ${metric.name}` }),
    };
    row.el = h("div", { class: "it-metric", "data-metric": metric.name },
      h("h3", {}, words(metric.name)), row.best, row.canvas, row.value);
    return row;
  }

  // Those that a person waits for first: the higher the better. Matrices where there is room.
  choose(metrics) {
    if (this.limit === Infinity) return metrics;
    return metrics.filter((m) => !m.matrix).sort((a, b) => b.higher - a.higher).slice(0, this.limit);
  }

  update(frame, theme) {
    const shown = this.choose(frame.metrics);
    show(this.el, shown.length > 0);
    const maps = shown.filter((m) => m.matrix);
    this.el.classList.toggle("it-mixed", maps.length === 1 && maps[0].matrix.length <= BESIDE);
    for (const metric of shown) {
      const row = this.rows.get(metric.name) ?? this.add(metric);
      if (metric.matrix) {
        row.update(metric);
        continue;
      }
      put(row.value, metric.value === undefined ? "–" : steady(metric.value));
      put(row.best, metric.best === undefined ? "" : `best ${steady(metric.best)} at ${grouped(metric.bestStep)}`);
      mark(row.el, "data-value", metric.value ?? "");
      const curve = frame.curves.find((c) => c.kind === "metric" && c.name === metric.name);
      if (curve) this.spark(row.canvas, curve, frame.run, theme);
    }
  }

  spark(canvas, curve, run, theme) {
    const ratio = window.devicePixelRatio || 1;
    const [w, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!w) return;
    canvas.width = Math.round(w * ratio);
    canvas.height = Math.round(height * ratio);
    const values = curve.mean;
    let [low, high] = [Infinity, -Infinity];
    for (const v of values) {
      if (v < low) low = v;
      if (v > high) high = v;
    }
    if (!(high >= low)) return;
    const c = canvas.getContext("2d");
    c.scale(ratio, ratio);
    const x = mapping(run.firstStep, Math.max(run.step, run.firstStep + 1), 2, w - 6);
    const y = mapping(low, high === low ? low + 1 : high, height - 5, 5);
    c.strokeStyle = c.fillStyle = theme.series[2];
    c.lineWidth = theme.line * 0.9;
    c.lineJoin = "round";
    c.beginPath();
    for (let i = 0; i < values.length; i++) if (Number.isFinite(values[i])) c.lineTo(x(curve.steps[i]), y(values[i]));
    c.stroke();
    c.beginPath();
    c.arc(x(curve.steps.at(-1)), y(values.at(-1)), theme.line + 0.8, 0, 7);
    c.fill();
  }
}
