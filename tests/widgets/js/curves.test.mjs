import { test } from "node:test";
import assert from "node:assert/strict";
import { smooth } from "../../../widgets/interactive_train_widgets/js/smoothing.js";
import { decode, thaw, bucketAt, middles, interventions } from "../../../widgets/interactive_train_widgets/js/protocol.js";
import { look, smoothed, lossModel, rateModel, lossCurves, markers, reading, spoken } from "../../../widgets/interactive_train_widgets/js/curves.js";

const theme = { series: ["a", "b", "c", "d", "e", "f"], muted: "m", line: 2 };
const view = (over) => ({ x: [0, 100], window: null, cross: null, dragged: null, log: true, alpha: 0.9, y: null, rateY: null, rateLog: false, hidden: new Set(), styles: new Map(), ...over });

// A frame as frames.py lays it out: two losses in buckets of two, a validation loss, lr and plan.
function frame(over = {}) {
  const curves = [
    { run: 0, kind: "loss", name: "", size: 2, total: 5, last: 5, count: 3, at: 0, values: 0 },
    { run: 0, kind: "metric", name: "validation_loss", size: 1, total: 2, last: 4, count: 2, at: 3, values: 9 },
    { run: 0, kind: "lr", name: "", size: 1, total: 5, last: 5, count: 5, at: 5, values: 11 },
    { run: 0, kind: "plan", name: "", size: 1, total: 2, last: 100, count: 2, at: 10, values: 16 },
  ];
  const steps = new Float64Array([1, 3, 5, 2, 4, 1, 2, 3, 4, 5, 6, 100]);
  const values = new Float32Array([2, 1, 0.5, 1.5, 0.75, 0.5, 2.5, 1.25, 0.5, 3, 2, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.01]);
  const head = {
    runs: ["digits"], curves, metrics: [{ name: "accuracy", value: 0.9 }], journal: [],
    knobs: [{ key: "lr", name: "lr", path: "", title: "Learning rate", effective: 0.05, base: 0.1, scale: 0.5, override: null, scheduled: true }],
    run: { status: "running", step: 5, firstStep: 0, lastStep: 100, loss: 0.5 }, ...over,
  };
  return decode(head, [new DataView(steps.buffer), new DataView(values.buffer)]);
}

test("smoothing corrects its bias: a constant stays a constant", () => {
  assert.ok(smooth(new Float32Array([2, 2, 2]), 1, 3, 0.9).every((v) => Math.abs(v - 2) < 1e-9));
});

test("smoothing is the moving average of the points", () => {
  const values = [3, 1, 2, 5];
  let [sum, weight] = [0, 0];
  const expected = values.map((v) => ((sum = 0.8 * sum + 0.2 * v), (weight = 0.8 * weight + 0.2), sum / weight));
  smooth(Float64Array.from(values), 1, 4, 0.8).forEach((v, i) => assert.ok(Math.abs(v - expected[i]) < 1e-12));
});

test("a bucket weighs as many equal points", () => {
  const points = smooth(Float64Array.from([4, 4, 4, 4, 1, 1, 1]), 1, 7, 0.9);
  const buckets = smooth(Float64Array.from([4, 1]), 4, 7, 0.9);
  assert.ok(Math.abs(points[6] - buckets[1]) < 1e-12);
});

test("a missing value is a gap and the average goes on behind it", () => {
  const out = smooth(Float64Array.from([1, NaN, 1]), 1, 3, 0.5);
  assert.ok(Number.isNaN(out[1]) && out[2] === 1);
});

test("decoding gives every curve its own arrays", () => {
  const [loss, metric, lr] = frame().curves;
  assert.deepEqual([...loss.steps, ...loss.mean, ...loss.low, ...loss.high], [1, 3, 5, 2, 1, 0.5, 1.5, 0.75, 0.5, 2.5, 1.25, 0.5]);
  assert.deepEqual([...metric.steps, ...metric.mean], [2, 4, 3, 2]);
  assert.equal(lr.low, lr.mean);
});

test("buffers may start anywhere and may be missing", () => {
  const bytes = new Uint8Array(3 + 8);
  new DataView(bytes.buffer).setFloat64(3, 42, true);
  const head = { curves: [{ count: 1, at: 0, values: 0, size: 1 }] };
  decode(head, [new DataView(bytes.buffer, 3, 8), new DataView(new Float32Array([7]).buffer)]);
  assert.deepEqual([head.curves[0].steps[0], head.curves[0].mean[0]], [42, 7]);
  assert.deepEqual(decode({ curves: [] }, []).curves, []);
});

test("a saved frame is read back, anything else is nothing", () => {
  let text = new TextEncoder().encode(JSON.stringify({ curves: [{ count: 1, at: 0, values: 0, size: 1 }] }));
  const padded = new Uint8Array(Math.ceil((text.length + 12) / 8) * 8 - 12).fill(32);
  padded.set(text);
  const bytes = new Uint8Array(12 + padded.length + 12);
  const data = new DataView(bytes.buffer);
  data.setUint32(0, 0x49545731);
  data.setUint32(4, padded.length, true);
  data.setUint32(8, 8, true);
  bytes.set(padded, 12);
  data.setFloat64(12 + padded.length, 9, true);
  data.setFloat32(12 + padded.length + 8, 0.5, true);
  const curve = thaw(data).curves[0];
  assert.deepEqual([curve.steps[0], curve.mean[0]], [9, 0.5]);
  assert.equal(thaw(null), null);
  assert.equal(thaw(new DataView(new ArrayBuffer(0))), null);
  assert.equal(thaw(new DataView(new ArrayBuffer(64))), null);
});

test("the bucket of a step is found and buckets are drawn at their middle", () => {
  const [loss] = frame().curves;
  assert.deepEqual([0, 1, 2, 3, 5, 9].map((s) => bucketAt(loss, s)), [-1, 0, 0, 1, 2, 2]);
  assert.deepEqual([...middles(loss)], [1.5, 3.5, 5]);
});

test("the loss model has band, faint and smooth line, and a label at the end", () => {
  const v = view();
  const model = lossModel(frame(), v, theme);
  assert.equal(model.bands.length, 1);
  assert.deepEqual(model.lines.map((l) => l.dash?.length ?? 0), [2, 0, 0]);
  assert.deepEqual(model.ends.map((e) => e.name), ["validation", "train"]);
  assert.ok(model.log && v.y[0] <= 0.5 && v.y[1] >= 3);
});

test("a loss that is not positive has no logarithmic axis", () => {
  const f = frame();
  f.curves[0].low = Float32Array.from([-1, 1, 1]);
  const model = lossModel(f, view(), theme);
  assert.deepEqual([model.log, model.canLog], [false, false]);
  assert.ok(model.y[0] <= -1);
});

test("a run without points still has axes", () => {
  const f = frame();
  f.curves = [];
  assert.ok(lossModel(f, view(), theme).y.every(Number.isFinite));
  assert.ok(rateModel(f, view(), theme).y.every(Number.isFinite));
});

test("the planned rate starts at the present step and value, its schedule as a ghost", () => {
  const model = rateModel(frame(), view(), theme);
  const plan = model.lines.find((l) => l.dash?.length && l.colour === "a");
  assert.deepEqual([plan.xs[0], plan.ys[0], plan.xs.at(-1)], [5, 0.05, 100]);
  const ghost = model.lines.find((l) => l.colour === "m");
  assert.ok(Math.abs(ghost.ys[0] - 0.1) < 1e-9);
  assert.deepEqual(model.dots.map((d) => [d.x, d.y]), [[5, 0.05]]);
});

test("marks are numbered, pauses are none, and neighbours share a sign", () => {
  const row = (step, kind = "adjust", undone = false) => ({ step, kind, name: "lr", path: "", undone });
  const f = frame({ journal: [row(10), row(11, "pause"), row(12, "freeze"), row(80, "adjust", true)] });
  assert.deepEqual(interventions(f.journal).map((m) => m.number), [1, 2, 3]);
  const marks = markers(f, 5);
  assert.deepEqual(marks.map((m) => [m.at, m.text, m.faded]), [[10, "1–2", false], [80, "3", true]]);
});

test("the crosshair reads every curve, behind the present the plan", () => {
  const rows = reading(frame(), view({ cross: 4 }), theme);
  assert.deepEqual(rows.map(([name]) => name), ["train", "validation", "learning rate"]);
  assert.deepEqual(rows.map((row) => row[2] !== ""), [true, false, false]);
  assert.deepEqual(reading(frame(), view({ cross: 50 }), theme).map(([name]) => name), ["planned rate"]);
});

test("several runs are told apart by name and style", () => {
  const f = frame({ runs: ["first", "second"] });
  f.curves.push({ ...f.curves[0], run: 1 });
  assert.deepEqual(lossCurves(f, view()).map((c) => [c.label, c.style]), [["first", 0], ["second", 1], ["first validation", 2]]);
});

test("the charts can be said in words", () => {
  assert.equal(spoken(frame()), "running, step 5, loss 0.5, learning rate 0.05, accuracy 0.9");
});

test("a curve keeps its colour and dash when others come before it", () => {
  const [f, v] = [frame(), view()];
  const train = f.curves.shift();
  assert.deepEqual(lossCurves(f, v).map((c) => c.style), [0]);
  f.curves.push(train);
  assert.deepEqual(lossCurves(f, v).map((c) => [c.label, c.style]), [["train", 1], ["validation", 0]]);
});

test("colour and dash together tell eighteen curves apart, each alone six", () => {
  const looks = Array.from({ length: 18 }, (_, i) => look(i, theme));
  assert.equal(new Set(looks.map((l) => `${l.colour} ${l.dash}`)).size, 18);
  assert.equal(new Set(looks.slice(0, 6).map((l) => String(l.dash))).size, 6);
  assert.equal(new Set(looks.slice(0, 6).map((l) => l.colour)).size, 6);
});

test("a hidden curve is in the legend and not in the picture", () => {
  const v = view();
  lossModel(frame(), v, theme);
  v.hidden.add("0/loss//");
  const model = lossModel(frame(), v, theme);
  assert.deepEqual(model.curves.map((c) => c.hidden), [true, false]);
  assert.deepEqual(model.ends.map((e) => e.name), ["validation"]);
  assert.deepEqual(reading(frame(), { ...v, cross: 4 }, theme).map(([name]) => name), ["validation", "learning rate"]);
});

test("a validation loss of another run waits until it is asked for", () => {
  const f = frame({ runs: ["first", "second"] });
  f.curves.push({ ...f.curves[0], run: 1 }, { ...f.curves[1], run: 1 });
  assert.deepEqual(lossCurves(f, view()).map((c) => [c.label, c.hidden]), [
    ["first", false], ["second", false], ["first validation", false], ["second validation", true]]);
});

test("a branch is drawn from where it leaves the current line", () => {
  const f = frame();
  f.curves.push({ ...f.curves[0], branch: "main", apart: 3 });
  const model = lossModel(f, view(), theme);
  assert.deepEqual(model.curves.map((c) => c.label), ["train", "validation", "main"]);
  assert.ok(model.lines.slice(0, 2).every((l) => l.from === 3) && model.lines.at(-1).from === -Infinity);
  assert.deepEqual(reading(f, view({ cross: 3 }), theme).map(([name]) => name), ["train", "validation", "learning rate"]);
});

// The frame with a branch that leaves the line at step 3 and has its own evaluations.
function branchedFrame() {
  const f = frame();
  f.curves.push({ ...f.curves[0], branch: "main", apart: 3 }, { ...f.curves[1], branch: "main", apart: 3 });
  return f;
}

test("a branch's validation loss has the branch's colour and dash, and rings as every validation loss", () => {
  const model = lossModel(branchedFrame(), view(), theme);
  assert.deepEqual(model.curves.map((c) => [c.label, c.style, c.hidden]), [
    ["train", 0, false], ["validation", 1, false], ["main", 2, false], ["main validation", 2, false]]);
  const broad = model.lines.filter((l) => l.width !== 1); // the last one is drawn first
  assert.deepEqual(broad.map((l) => [l.colour, Boolean(l.rings)]), [["c", true], ["c", false], ["b", true], ["a", false]]);
  assert.deepEqual(broad[0].dash, broad[1].dash);
  assert.deepEqual(model.ends.map((e) => e.name), ["◦ main", "main", "validation", "train"]);
});

test("a branch's validation loss begins with what was measured last before it left", () => {
  const f = branchedFrame();
  assert.equal(lossModel(f, view(), theme).lines[0].from, 2);
  const names = (cross) => reading(f, view({ cross }), theme).map(([name]) => name).slice(0, -1);
  assert.deepEqual(names(3), ["train", "validation"]);
  assert.deepEqual(names(5), ["train", "validation", "main", "main validation"]); // it stands to the branch's end
  assert.deepEqual(names(6), []);
});

test("a branch that comes later than its validation loss keeps a colour of its own", () => {
  const f = branchedFrame();
  f.curves.push({ ...f.curves[0], branch: "b", apart: 1 });
  assert.deepEqual(lossCurves(f, view()).map((c) => c.style), [0, 1, 2, 2, 3]);
});

// The frame with its first loss once more, point by point, in a window.
function zoomedFrame() {
  const f = frame({ windows: [[2, 4]] });
  const part = { ...f.curves[0], window: 0, size: 1, total: 3, count: 3, last: 4 };
  part.steps = Float64Array.from([2, 3, 4]);
  part.mean = part.low = part.high = Float32Array.from([1.5, 1.2, 0.8]);
  f.curves.push(part);
  return f;
}

test("a zoomed picture shows the finest version that covers it, any other the whole", () => {
  const fine = (x) => lossCurves(zoomedFrame(), view({ x }))[0].size;
  assert.deepEqual([fine([2.5, 4]), fine([1, 4]), fine([3, 5])], [1, 2, 2]);
});

test("a zoomed axis fits what is seen and labels stand at its edge", () => {
  const model = lossModel(zoomedFrame(), view({ x: [2, 4], log: false, alpha: 0 }), theme);
  assert.ok(model.y[0] >= 0.5 && model.y[1] <= 3.5);
  assert.deepEqual(model.ends.map((e) => e.x), [4, 4]);
});

test("a smoothed window goes on where the whole curve stands", () => {
  const steps = Float64Array.from({ length: 8 }, (_, i) => i + 1);
  const mean = Float64Array.from([5, 3, 4, 1, 2, 6, 2, 3]);
  const whole = { steps, mean, size: 1, total: 8, count: 8 };
  const part = { steps: steps.subarray(3), mean: mean.subarray(3), size: 1, total: 5, whole };
  smoothed(part, 0.8).forEach((v, i) => assert.ok(Math.abs(v - smoothed(whole, 0.8)[i + 3]) < 1e-12));
});

test("the plan of a later window is not joined to the present", () => {
  const f = frame({ windows: [[50, 60]] });
  const plan = f.curves[3];
  f.curves.push({ ...plan, window: 0, steps: Float64Array.from([50, 60]), mean: Float32Array.from([0.04, 0.03]), last: 60 });
  const lines = (x) => rateModel(f, view({ x }), theme).lines.find((l) => l.dash?.length && l.colour === "a").xs;
  assert.deepEqual([lines([51, 59])[0], lines([0, 100])[0]], [50, 5]);
});

test("a point that is dragged stands where it is dragged and its axis stays", () => {
  const v = view();
  const before = rateModel(frame(), v, theme).y;
  const model = rateModel(frame(), Object.assign(v, { dragged: 99 }), theme);
  assert.deepEqual([model.dots[0].y, model.y], [99, before]);
});
