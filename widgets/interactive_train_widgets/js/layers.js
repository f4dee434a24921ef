/* Freeze boxes, metrics with sparklines, and the journal. */

import { h, put, mark, show, table } from "./dom.js";
import { grouped, steady, words, change } from "./format.js";
import { mapping } from "./scales.js";
import { interventions } from "./protocol.js";
import { Confusion } from "./confusion.js";

const BESIDE = 12; // rows of a matrix that leaves room for the other metrics beside it

export class Freeze {
  constructor(host) {
    this.host = host;
    this.rows = new Map();
    this.list = h("div", { class: "it-layers" });
    this.el = h("section", { class: "it-freeze", "aria-label": "Freeze layers" },
      h("div", { class: "it-head" }, h("h3", {}, "Freeze"), h("span", { class: "it-gap" }), h("span", { class: "it-sub" }, "parameters")), this.list);
  }

  add(group) {
    const box = h("input", { type: "checkbox", "aria-label": `Freeze ${group.path} ${group.kind}` });
    const row = h("label", { class: "it-layer", "data-layer": group.path }, box,
      h("span", { class: "it-path" }, `${group.path} `, h("span", { class: "it-sub" }, group.kind)),
      h("span", { class: "it-number it-sub" }, grouped(group.parameters)));
    const entry = { box, row, waiting: 0 };
    box.addEventListener("change", (event) => {
      entry.waiting++;
      this.host.command(box.checked ? "freeze" : "thaw", { path: group.path }, event, "", () => {
        entry.waiting--;
      });
    });
    this.rows.set(group.path, entry);
    this.list.append(row);
    return entry;
  }

  update(frame, frozen) {
    for (const group of frame.groups) {
      const entry = this.rows.get(group.path) ?? this.add(group);
      mark(entry.row, "data-frozen", group.frozen);
      entry.box.disabled = frozen;
      if (!entry.waiting && entry.box.checked !== group.frozen) entry.box.checked = group.frozen;
    }
  }
}

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

export class Journal {
  constructor(host, rest) {
    this.host = host;
    this.last = h("span", { class: "it-sub it-last" });
    this.count = h("span", { class: "it-sub it-number" });
    this.sheet = h("div", { class: "it-below", hidden: true });
    this.others = h("div", { class: "it-below", hidden: true }, rest ?? null);
    this.all = new Metrics(host, Infinity);
    this.values = h("div", { class: "it-below it-values", hidden: true }, this.all.el);
    this.metrics = h("button", { type: "button", class: "it-fold", "aria-expanded": "false" }, "All metrics");
    this.knobs = h("button", { type: "button", class: "it-fold", "aria-expanded": "false" }, "All knobs");
    this.button = h("button", { type: "button", class: "it-fold", "aria-expanded": "false" }, "Journal");
    const fold = (button, body) => button.addEventListener("click", () => {
      show(body, body.hidden);
      mark(button, "aria-expanded", !body.hidden);
      host.redraw();
    });
    fold(this.button, this.sheet);
    fold(this.knobs, this.others);
    fold(this.metrics, this.values);
    this.el = h("footer", { class: "it-card it-foot" },
      h("div", { class: "it-head" }, this.button, this.count, this.last, h("span", { class: "it-gap" }), this.metrics, this.knobs),
      this.values, this.others, this.sheet);
  }

  update(frame, theme) {
    const { journal, entries, knobs } = frame;
    show(this.metrics, frame.metrics.length > 1 || frame.metrics.some((m) => m.matrix));
    if (!this.values.hidden) this.all.update(frame, theme);
    const last = journal.at(-1);
    put(this.count, String(entries));
    put(this.last, last ? `${change(last, knobs)} after step ${grouped(last.step)}${last.undone ? " (undone)" : ""}` : "nothing was changed yet");
    show(this.knobs, this.others.firstChild?.childElementCount > 0);
    const stamp = `${entries} ${last?.new} ${journal.filter((e) => e.undone).length}`;
    if (this.sheet.hidden || this.stamp === stamp) return;
    this.stamp = stamp;
    const numbers = new Map(interventions(journal).map((m) => [m.entry, String(m.number)]));
    const rows = journal.toReversed().map((e) => [
      numbers.get(e) ?? "", grouped(e.step), change(e, knobs) + (e.undone ? " (undone)" : ""), e.source,
      e.time === null ? "" : new Date(e.time * 1000).toLocaleTimeString(),
    ]);
    this.sheet.replaceChildren(table(["mark", "after step", "what", "by", "at"], rows, "Journal"));
  }
}
