/* What the two charts show: from a decoded frame to models of lines and marks. Pure. */

import { middles, interventions, bucketAt, mainRate } from "./protocol.js";
import { smooth } from "./smoothing.js";
import { holdRange } from "./scales.js";
import { steady, short, grouped, words, change, standing } from "./format.js";

const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3], [4, 4], [12, 4]];

// Colour and dash of a curve with this number, each legible without the other.
export function look(number, theme) {
  return { colour: theme.series[number % 6], dash: DASHES[(number + Math.floor(number / 6)) % 6] };
}

// Of the versions of a curve in a frame the finest that covers the steps that are shown, and the
// whole one with it.
function finest(frame, x, match) {
  const covers = ([from, to] = [Infinity]) => from <= x[0] && to >= x[1];
  const all = frame.curves.filter((c) => c.count && match(c));
  const whole = all.find((c) => c.window === undefined);
  const fine = all.filter((c) => c.window !== undefined && covers(frame.windows[c.window])).sort((a, b) => a.size - b.size);
  return fine.length ? { ...fine[0], whole } : whole;
}

// The loss curves of a frame: training losses of all runs, losses among the metrics, branches each
// with its own metrics, which have its colour and dash. What was drawn once keeps its look;
// validation losses of other runs wait to be shown.
export function lossCurves(frame, view) {
  const several = frame.runs.length > 1;
  const kind = (c) => (c.branch ? 2 : c.kind === "metric" ? 1 : 0);
  const whole = frame.curves.filter((c) => c.count && c.window === undefined && (c.kind === "loss" || (c.kind === "metric" && c.name.includes("loss"))));
  return whole.sort((a, b) => kind(a) - kind(b)).map((curve) => {
    const { run, name, branch = "" } = curve;
    const key = `${run}/${curve.kind}/${name}/${branch}`;
    const measured = curve.kind === "metric";
    if (!view.styles.has(key)) {
      const line = measured && branch ? view.styles.get(`${run}/loss//${branch}`) : undefined;
      view.styles.set(key, line ?? new Set(view.styles.values()).size);
      if (run > 0 && measured) view.hidden.add(key);
    }
    const what = measured ? words(name).replace(/ loss$/i, "").toLowerCase() : "";
    const own = [branch, what].filter(Boolean).join(" ");
    const named = (text) => (several ? [frame.runs[run], text].filter(Boolean).join(" ") : text || "train");
    const label = named(own);
    const tail = measured && branch ? `◦ ${named(branch)}` : label; // short: it stands beside the last point
    const best = finest(frame, view.x, (c) => c.run === run && c.kind === curve.kind && c.name === name && (c.branch ?? "") === branch);
    const end = measured ? standsTo(frame, whole, curve) : curve.last;
    return { ...best, key, label, tail, end, measured, style: view.styles.get(key), hidden: view.hidden.has(key) };
  });
}

// A metric stands until the next one: to the present, on a branch to its end.
function standsTo(frame, curves, { run, branch, last }) {
  if (run === 0 && !branch) return frame.run.step;
  const line = curves.find((c) => c.kind === "loss" && c.run === run && c.branch === branch);
  return branch && line ? line.last : last;
}

// The moving average of a curve, in a window begun where the whole one stands there.
export function smoothed(curve, alpha) {
  const { mean, size, total, whole } = curve;
  let before;
  if (whole) {
    const i = bucketAt(whole, curve.steps[0]) - 1;
    if (i >= 0) before = [smooth(whole.mean, whole.size, whole.total, alpha)[i], 1 - alpha ** (whole.size * (i + 1))];
  }
  return smooth(mean, size, total, alpha, before && Number.isFinite(before[0]) ? before : undefined);
}

// The part of a curve's values that lies in the picture, with a neighbour on each side.
function inView(steps, values, x) {
  let from = steps.findIndex((s) => s >= x[0]);
  if (from < 0) from = steps.length;
  let to = from;
  while (to < steps.length && steps[to] <= x[1]) to++;
  return values.subarray(Math.max(0, from - 1), Math.min(steps.length, to + 1));
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
    if (entry.stands === false) continue; // it was done on another branch
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
  const unit = frame.run.labels?.loss;
  const model = { bands: [], lines: [], ends: [], dots: [], x: view.x, title: unit ? `loss (${unit})` : "loss" };
  const curves = lossCurves(frame, view);
  const seen = curves.filter((c) => !c.hidden);
  const drawn = [];
  const positive = seen.every((c) => !c.low.some((v) => v <= 0)) && (!seen.length || seen.some((c) => c.low.some((v) => v > 0)));
  model.log = view.log && positive;
  model.canLog = positive;
  model.curves = curves;
  for (const curve of seen.reverse()) {
    const { colour, dash } = look(curve.style, theme);
    const xs = middles(curve);
    const raw = curve.kind === "loss";
    const alpha = raw ? view.alpha : 0;
    const ys = alpha ? smoothed(curve, alpha) : curve.mean;
    const from = begins(curve);
    if (curve.size > 1) model.bands.push({ xs, low: curve.low, high: curve.high, colour, alpha: 0.22, from });
    if (alpha) model.lines.push({ xs, ys: curve.mean, colour, width: 1, alpha: curve.size > 1 ? 0.3 : 0.35, from });
    drawn.push(inView(curve.steps, curve.low, view.x), inView(curve.steps, curve.high, view.x));
    model.lines.push({ xs, ys, colour, width: theme.line * (raw ? 1 : 0.9), dash, from, rings: raw ? 0 : theme.line + 1 });
    const last = ys.findLastIndex((v, i) => Number.isFinite(v) && xs[i] <= view.x[1]);
    if (last >= 0 && xs[last] >= view.x[0]) {
      const x = Math.min(last + 1 < xs.length ? xs[last] : curve.last, view.x[1]);
      model.ends.push({ x, y: ys[last], name: curve.tail, text: steady(ys[last]), colour });
    }
    const i = view.cross === null ? -1 : at(curve, view.cross);
    if (i >= 0) model.dots.push({ x: view.cross, y: ys[i], colour, radius: theme.line + 1.5 });
  }
  const [low, high] = extent(drawn, model.log);
  view.y = holdRange(view.yLog === model.log ? view.y : null, low, high, model.log);
  view.yLog = model.log;
  model.y = view.y;
  return model;
}

// The step from which a curve is drawn: a branch leaves the line with the last value on it.
function begins(curve) {
  const { apart = -Infinity, measured, steps } = curve;
  const shared = measured ? bucketAt(curve, apart) : -1;
  return shared < 0 ? apart : steps[shared];
}

// The bucket of a step; -1 where a curve has nothing.
function at(curve, step) {
  return step > curve.end || step <= (curve.apart ?? -Infinity) ? -1 : bucketAt(curve, step);
}

// The knobs whose course can be drawn: the learning rate, and whatever else is scheduled.
export function courses(frame) {
  const rate = mainRate(frame.knobs);
  const others = frame.knobs.filter((k) => k !== rate && frame.curves.some((c) => c.kind === "plan" && c.name === k.key));
  const ended = frame.knobs.filter((k) => k !== rate && !others.includes(k) && frame.curves.some((c) => c.kind === "past" && c.name === k.key));
  return [...(rate ? [rate] : []), ...others, ...ended];
}

// The chosen one of them, with what was and what is planned.
export function course(frame, view) {
  const all = courses(frame);
  const knob = all.find((k) => k.key === view.course) ?? all[0];
  const recorded = !knob || knob === mainRate(frame.knobs);
  const find = (kind, name) => finest(frame, view.x, (c) => c.kind === kind && c.name === name);
  return { knob, recorded, past: recorded ? find("lr", "") : find("past", knob.key), plan: find("plan", recorded ? "" : knob.key) };
}

export function rateModel(frame, view, theme) {
  const { knob, recorded, past: lr, plan } = course(frame, view);
  const name = knob?.title.toLowerCase() ?? "learning rate";
  const model = { lines: [], dots: [], x: view.x, knob, title: knob?.unit ? `${name} (${knob.unit})` : name };
  const { step } = frame.run;
  const colour = theme.series[0];
  const drawn = [];
  const inside = (curve, ys) => inView(curve.steps, ys, view.x);
  if (lr?.count) {
    const xs = lr.size > 1 ? middles(lr) : lr.steps;
    model.lines.push({ xs, ys: lr.mean, colour, width: theme.line, stairs: recorded && lr.size === 1 });
    drawn.push(inside(lr, lr.low), inside(lr, lr.high));
  }
  if (plan?.count) {
    const cut = plan.steps.findIndex((s) => s > step);
    const from = cut < 0 ? plan.count : cut;
    const now = knob ? knob.effective : plan.mean[from];
    // Joined to the present, unless the picture begins later.
    const joined = !plan.whole || plan.steps[from] <= step + 1;
    const xs = [...(joined ? [step] : []), ...plan.steps.subarray(from)];
    const ys = [...(joined ? [now] : []), ...plan.mean.subarray(from)];
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
  const now = view.dragged ?? knob?.effective ?? (lr?.count ? lr.mean[lr.count - 1] : null);
  model.now = now;
  if (now !== null && now !== undefined) {
    model.dots.push({ x: step, y: now, colour });
    if (step >= view.x[0] && step <= view.x[1]) drawn.push([now]);
  }
  let [low, high] = extent(drawn, view.rateLog);
  model.log = view.rateLog && low > 0 && Number.isFinite(low);
  if (!model.log) low = Math.min(0, low);
  if (high === 0) high = 1e-3;
  if (view.dragged === null || view.rateYLog !== model.log) {
    view.rateY = holdRange(view.rateYLog === model.log ? view.rateY : null, low, high, model.log);
    view.rateYLog = model.log;
  }
  model.y = view.rateY;
  return model;
}

// What the crosshair says about one step: rows of [name, value, smoothed, colour, range].
export function reading(frame, view, theme) {
  const rows = [];
  const { cross: step } = view;
  for (const curve of lossCurves(frame, view).filter((c) => !c.hidden)) {
    const i = at(curve, step);
    if (i < 0) continue;
    const range = curve.size > 1 ? ` (${short(curve.low[i])} … ${short(curve.high[i])})` : "";
    const average = curve.kind === "loss" && view.alpha ? steady(smoothed(curve, view.alpha)[i]) : "";
    rows.push([curve.label, steady(curve.mean[i]), average, look(curve.style, theme).colour, range]);
  }
  const past = step <= frame.run.step;
  const { knob, past: used, plan, recorded } = course(frame, view);
  const rate = past ? used : plan;
  const i = rate?.count ? bucketAt(rate, step) : -1;
  const name = knob?.title.toLowerCase() ?? "learning rate";
  if (i >= 0) rows.push([past ? name : recorded ? "planned rate" : `planned ${name}`, short(rate.mean[i]), "", theme.muted, ""]);
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
