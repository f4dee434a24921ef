/* What the two charts show: from a decoded frame to models of lines and marks. Pure. */

import { middles, interventions, bucketAt, mainRate } from "./protocol.js";
import { smooth } from "./smoothing.js";
import { holdRange } from "./scales.js";
import { steady, short, grouped, words, change, standing } from "./format.js";

// Colour and dash of the curve with this number, legible without colour.
const NAMES = { train: 0, validation: 1 };

// The loss curves of a frame: training losses of all runs, then losses among the metrics.
export function lossCurves(frame) {
  const several = frame.runs.length > 1;
  const train = frame.curves.filter((c) => c.kind === "loss" && c.count);
  const other = frame.curves.filter((c) => c.kind === "metric" && c.name.includes("loss") && c.count);
  return [
    ...train.map((c) => ({ ...c, label: several ? frame.runs[c.run] : "train", style: several ? c.run : NAMES.train })),
    ...other.map((c, i) => ({ ...c, label: words(c.name).replace(/ loss$/i, "").toLowerCase(), style: several ? train.length + i : 1 + i })),
  ];
}

// The smallest and the largest of what is drawn; on a log axis only what it can show.
function extent(arrays, log) {
  let [low, high] = [Infinity, -Infinity];
  for (const values of arrays) {
    for (const v of values) {
      if (v < low && (!log || v > 0)) low = v;
      if (v > high) high = v;
    }
  }
  return [low, high];
}

// Where people intervened; marks closer than `near` steps share one sign.
export function markers(frame, near) {
  const marks = [];
  for (const { number, step, entry } of interventions(frame.journal)) {
    const last = marks.at(-1);
    if (last && step - last.at < near) {
      last.entries.push(entry);
      last.text = `${last.first}–${number}`;
      last.faded &&= entry.undone;
    } else {
      marks.push({ at: step, first: number, text: String(number), entries: [entry], faded: entry.undone });
    }
  }
  return marks;
}

export function lossModel(frame, view, theme) {
  const model = { bands: [], lines: [], ends: [], x: view.x, log: false };
  const curves = lossCurves(frame);
  const drawn = [];
  const positive = curves.some((c) => c.low.some((v) => v > 0)) && !curves.some((c) => c.low.some((v) => v <= 0));
  model.log = view.log && (positive || !curves.length);
  model.canLog = positive || !curves.length;
  for (const curve of curves) {
    const colour = theme.series[curve.style % 6];
    const xs = middles(curve);
    const raw = curve.kind === "loss";
    const alpha = raw ? view.alpha : 0;
    const ys = alpha ? smooth(curve.mean, curve.size, curve.total, alpha) : curve.mean;
    if (curve.size > 1) model.bands.push({ xs, low: curve.low, high: curve.high, colour, alpha: 0.22 });
    if (alpha) {
      const faint = curve.size > 1 ? 0.3 : 0.35;
      model.lines.push({ xs, ys: curve.mean, colour, width: 1, alpha: faint });
    }
    drawn.push(curve.low, curve.high);
    const dash = [[], [7, 4], [2, 3], [9, 3, 2, 3], [4, 4], [12, 4]][curve.style % 6];
    model.lines.push({ xs, ys, colour, width: theme.line * (raw ? 1 : 0.9), dash });
    const last = ys.findLast((v) => Number.isFinite(v));
    model.ends.push({ x: curve.last, y: last ?? NaN, name: curve.label, text: steady(last), colour });
  }
  const [low, high] = extent(drawn, model.log);
  view.y = holdRange(view.yLog === model.log ? view.y : null, low, high, model.log);
  view.yLog = model.log;
  model.y = view.y;
  return model;
}

// The knobs whose course can be drawn: the learning rate, and whatever else is scheduled.
export function courses(frame) {
  const rate = mainRate(frame.knobs);
  const others = frame.knobs.filter((k) => k !== rate && frame.curves.some((c) => c.kind === "plan" && c.name === k.key));
  const ended = frame.knobs.filter((k) => k !== rate && !others.includes(k) && frame.curves.some((c) => c.kind === "past" && c.name === k.key));
  return [...(rate ? [rate] : []), ...others, ...ended];
}

// The chosen one of them, with what was and what is planned.
export function course(frame, key) {
  const all = courses(frame);
  const knob = all.find((k) => k.key === key) ?? all[0];
  const recorded = !knob || knob === mainRate(frame.knobs);
  const find = (kind, name) => frame.curves.find((c) => c.kind === kind && c.name === name);
  return { knob, recorded, past: recorded ? find("lr", "") : find("past", knob.key), plan: find("plan", recorded ? "" : knob.key) };
}

export function rateModel(frame, view, theme) {
  const model = { lines: [], dots: [], x: view.x, log: false };
  const { knob, recorded, past: lr, plan } = course(frame, view.course);
  const { step } = frame.run;
  const colour = theme.series[0];
  const drawn = [];
  const inside = (curve, ys) => ys.filter((_, i) => curve.steps[i] <= view.x[1] * 1.02);
  if (lr?.count) {
    const xs = lr.size > 1 ? middles(lr) : lr.steps;
    model.lines.push({ xs, ys: lr.mean, colour, width: theme.line, stairs: recorded && lr.size === 1 });
    drawn.push(lr.low, lr.high);
  }
  if (plan?.count) {
    const cut = plan.steps.findIndex((s) => s > step);
    const from = cut < 0 ? plan.count : cut;
    const now = knob ? knob.effective : plan.mean[from];
    const xs = [step, ...plan.steps.subarray(from)];
    const ys = [now, ...plan.mean.subarray(from)];
    model.lines.push({ xs, ys, colour, width: theme.line, dash: [6, 4] });
    drawn.push(inside(plan, plan.mean));
    const scaled = knob && knob.scheduled && knob.override === null && knob.scale && knob.scale !== 1;
    if (scaled) {
      const ghost = { colour: theme.muted, width: 1.2, dash: [1.5, 3] };
      model.lines.push({ xs, ys: ys.map((v) => v / knob.scale), ...ghost });
      const since = standing(frame.journal, knob)?.lastStep ?? Infinity;
      if (lr?.count) {
        model.lines.push({ xs: lr.steps, ys: lr.mean.map((v) => v / knob.scale), from: since + 1, ...ghost });
      }
      drawn.push(inside(plan, plan.mean).map((v) => v / knob.scale));
    }
  }
  const now = knob?.effective ?? (lr?.count ? lr.mean[lr.count - 1] : null);
  if (now !== null && now !== undefined) {
    model.dots.push({ x: step, y: now, colour });
    drawn.push([now]);
  }
  let [low, high] = extent(drawn, view.rateLog);
  model.log = view.rateLog && low > 0 && Number.isFinite(low);
  if (!model.log) low = Math.min(0, low);
  if (high === 0) high = 1e-3;
  view.rateY = holdRange(view.rateYLog === model.log ? view.rateY : null, low, high, model.log);
  view.rateYLog = model.log;
  model.y = view.rateY;
  return model;
}

// What the crosshair says about one step: rows of [name, value, colour].
export function reading(frame, view, step, theme) {
  const rows = [];
  for (const curve of lossCurves(frame)) {
    const i = bucketAt(curve, step);
    if (i < 0) continue;
    const range = curve.size > 1 ? ` (${short(curve.low[i])} … ${short(curve.high[i])})` : "";
    rows.push([curve.label, steady(curve.mean[i]) + range, theme.series[curve.style % 6]]);
    if (curve.kind === "loss" && view.alpha) {
      const ys = smooth(curve.mean, curve.size, curve.total, view.alpha);
      rows.push(["smoothed", steady(ys[i]), theme.series[curve.style % 6]]);
    }
  }
  const past = step <= frame.run.step;
  const drawn = course(frame, view.course);
  const rate = past ? drawn.past : drawn.plan;
  const i = rate?.count ? bucketAt(rate, step) : -1;
  const name = drawn.knob?.title.toLowerCase() ?? "learning rate";
  if (i >= 0) rows.push([past ? name : drawn.recorded ? "planned rate" : `planned ${name}`, short(rate.mean[i]), theme.muted]);
  return rows;
}

// Sentences for the marks near a step.
export function nearby(marks, step, reach, knobs) {
  return marks
    .filter((m) => Math.abs(m.at - step) <= reach)
    .flatMap((m) => m.entries.map((e) => `${change(e, knobs)} after step ${grouped(e.step)}${e.undone ? " (undone)" : ""}`));
}

// The charts in words, for those who do not see them.
export function spoken(frame) {
  const { run } = frame;
  const parts = [`${run.status}, step ${grouped(run.step)}`];
  if (run.loss !== null) parts.push(`loss ${short(run.loss)}`);
  const knob = mainRate(frame.knobs);
  if (knob) parts.push(`learning rate ${short(knob.effective)}`);
  for (const metric of frame.metrics) {
    if (metric.value !== undefined && metric.value !== null) parts.push(`${words(metric.name).toLowerCase()} ${short(metric.value)}`);
  }
  return parts.join(", ");
}
