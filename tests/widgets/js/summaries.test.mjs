import { test } from "node:test";
import assert from "node:assert/strict";
import { confusionModel, strength } from "../../../widgets/interactive_train_widgets/js/confusion.js";
import { courses, course, rateModel, reading } from "../../../widgets/interactive_train_widgets/js/curves.js";
import { mainRate } from "../../../widgets/interactive_train_widgets/js/protocol.js";
import { meaning } from "../../../widgets/interactive_train_widgets/js/slider.js";
import { confirmation } from "../../../widgets/interactive_train_widgets/js/applied.js";
import { isPart, partsOf, rejoining } from "../../../widgets/interactive_train_widgets/js/parts.js";

const theme = { series: ["a", "b", "c", "d", "e", "f"], muted: "m", line: 2 };
const knob = (name, over = {}) => ({
  key: over.path ? `${over.path}.${name}` : name, name, path: "", title: name, help: name, effective: 0.5, base: 0.5, scale: 1, override: null, scheduled: true, ...over,
});
const curve = (kind, name, steps, mean) => ({ run: 0, kind, name, size: 1, total: steps.length, last: steps.at(-1), count: steps.length, steps: Float64Array.from(steps), mean: Float32Array.from(mean), low: Float32Array.from(mean), high: Float32Array.from(mean) });
const frame = (over = {}) => ({
  runs: ["r"], metrics: [], journal: [], run: { status: "running", step: 10, firstStep: 0, lastStep: 100, loss: 1 },
  knobs: [knob("lr"), knob("momentum"), knob("beta1", { scheduled: false })],
  curves: [curve("lr", "", [1, 10], [0.5, 0.5]), curve("plan", "", [11, 100], [0.5, 0.1]),
    curve("past", "momentum", [1, 10], [0.8, 0.9]), curve("plan", "momentum", [11, 100], [0.9, 0.99])], ...over,
});

test("a confusion matrix knows its rows and its hits", () => {
  const model = confusionModel({ matrix: [[8, 2, 0], [1, 9, 3], [0, 0, 0]], block: 1, classes: 3 });
  assert.deepEqual([model.hits, model.total], [17, 23]);
  assert.deepEqual(model.names, ["0", "1", "2"]);
  assert.deepEqual(model.rows.map((r) => [r.total, r.hits]), [[10, 8], [13, 9], [0, 0]]);
  assert.deepEqual(model.rows[0].cells.map((c) => c.share), [0.8, 0.2, 0]);
  assert.ok(model.rows[2].cells.every((c) => c.share === 0));
});

test("blocks of classes are named by their first and last one", () => {
  const model = confusionModel({ matrix: [[3, 0], [0, 2]], block: 3, classes: 5 });
  assert.deepEqual(model.names, ["0–2", "3–4"]);
  assert.deepEqual(confusionModel({ matrix: [[1, 0], [0, 1]], block: 2, classes: 3 }).names, ["0–1", "2"]);
});

test("a rare mistake is visible, none is not coloured", () => {
  assert.equal(strength({ share: 0, right: false }), 0);
  assert.ok(strength({ share: 0.01, right: false }) > 0.2);
  assert.equal(strength({ share: 0.5, right: true }), 0.5);
  assert.ok(strength({ share: 1, right: false }) <= 1);
});

test("the learning rate and every other scheduled knob can be drawn, nothing else", () => {
  assert.deepEqual(courses(frame()).map((k) => k.key), ["lr", "momentum"]);
  assert.deepEqual(courses(frame({ knobs: [], curves: [] })), []);
});

test("a chosen knob brings its past and its plan, an unknown one the first", () => {
  const { past, plan, recorded } = course(frame(), { x: [0, 100], course: "momentum" });
  assert.deepEqual([past.name, plan.name, recorded], ["momentum", "momentum", false]);
  assert.equal(course(frame(), { x: [0, 100], course: "gone" }).past.kind, "lr");
  assert.equal(course(frame(), { x: [0, 100], course: null }).knob.key, "lr");
});

test("the chart draws the chosen course around the present value", () => {
  const view = { x: [0, 100], course: "momentum", dragged: null, rateY: null, rateLog: false, hidden: new Set(), styles: new Map() };
  const model = rateModel(frame(), view, theme);
  assert.deepEqual([...model.lines[0].xs], [1, 10]);
  assert.equal(model.lines[1].xs.at(-1), 100);
  assert.ok(model.y[1] >= 0.99);
  assert.deepEqual(reading(frame(), { ...view, cross: 50 }, theme).at(-1)[0], "planned momentum");
  assert.deepEqual(reading(frame(), { ...view, cross: 5 }, theme).at(-1)[0], "momentum");
});

test("the main rate is the optimiser's, in a chain the first one's", () => {
  assert.equal(mainRate([knob("lr", { path: "layers.0" }), knob("beta1"), knob("lr")]).path, "");
  assert.equal(mainRate([knob("Adam__lr"), knob("SGD__lr")]).key, "Adam__lr");
  assert.equal(mainRate([knob("xlr")]), undefined);
});

test("a factor moves no zero: such a knob is held", () => {
  assert.equal(meaning(knob("lr"), "scale"), "scale");
  assert.equal(meaning(knob("lr"), "hold"), "set");
  assert.equal(meaning(knob("lr", { scheduled: false }), "scale"), "set");
  assert.equal(meaning(knob("lr", { effective: 0 }), "scale"), "hold");
  assert.equal(meaning(knob("lr", { effective: null }), "scale"), "hold");
  assert.equal(meaning(knob("lr", { effective: -1 }), "scale"), "hold");
});

test("why a knob is held is said where the change is confirmed", () => {
  const request = { verb: "adjust", fields: { name: "lr", path: "" }, remark: "held, since the schedule is 0 here" };
  const text = confirmation(request, { step: 7, old: "0", new: "0.001", error: null }, [knob("lr")]);
  assert.equal(text, "✓ lr 0 → 1e-3 applied at step 7, held, since the schedule is 0 here");
});

const layer = (path, knobs = ["lr", "momentum"]) => ({ path, kind: "Linear", parameters: 1, frozen: false, resting: [], knobs });

test("a knob is listed by layer, with the value of the layers that differ", () => {
  const own = knob("lr", { path: "layers.0", effective: 0.1 });
  const part = frame({ knobs: [knob("lr"), own], groups: [layer("layers.0"), layer("layers.1"), layer("layers.2", [])] });
  assert.ok(isPart(own, part) && !isPart(part.knobs[0], part));
  const rows = partsOf(part.knobs[0], part);
  assert.deepEqual(rows.map((r) => [r.layer, r.knob.path, r.knob.key, r.knob.effective, r.knob.own]), [
    ["layers.0", "layers.0", "layers.0.lr", 0.1, true], ["layers.1", "layers.1", "layers.1.lr", 0.5, false],
  ]);
  assert.deepEqual(partsOf(own, part), []);
  assert.deepEqual(partsOf(knob("lr"), frame({ groups: [layer("layers.0")] })), []);
});

test("an array that differs from its layer has a line of its own", () => {
  const bias = knob("lr", { path: "layers.1.bias" });
  const part = frame({ knobs: [knob("lr"), bias], groups: [layer("layers.0"), layer("layers.1")] });
  assert.deepEqual(partsOf(part.knobs[0], part).map((r) => [r.layer, r.kind]), [["layers.0", "Linear"], ["layers.1", "Linear"], ["layers.1.bias", "array"]]);
});

test("a layer's own momentum is not the optimiser's, nor is a dropout rate", () => {
  const own = knob("momentum", { path: "layers.1", help: "of the mean" });
  const rate = knob("rate", { path: "layers.0" });
  const part = frame({ knobs: [knob("momentum"), own, rate], groups: [layer("layers.0"), layer("layers.1")] });
  assert.deepEqual([isPart(own, part), isPart(rate, part)], [false, false]);
  assert.ok(partsOf(part.knobs[0], part).every((r) => !r.knob.own));
});

test("the way back to what all layers have: what is their own ends, what all have is taken up", () => {
  const all = knob("lr", { scale: 0.3 });
  assert.deepEqual(rejoining(knob("lr", { scale: 0.03 }), all), [["release", {}], ["scale", { value: 0.3 }]]);
  assert.deepEqual(rejoining(knob("lr", { override: 2 }), knob("lr")), [["release", {}]]);
  assert.deepEqual(rejoining(knob("lr"), knob("lr", { override: 0.7 })), [["adjust", { value: 0.7 }]]);
  const constant = { scheduled: false, effective: 0.01, base: 0.01 };
  assert.deepEqual(rejoining(knob("lr", { ...constant, effective: 1 }), knob("lr", constant)), [["adjust", { value: 0.01 }]]);
});

test("what was applied to one layer is said of that layer", () => {
  const request = { verb: "adjust", fields: { name: "lr", path: "layers.0", value: 0.1 }, remark: "" };
  assert.equal(confirmation(request, { step: 7, old: "0.5", new: "0.1" }, [knob("lr")]), "✓ lr layers.0 0.5 → 0.1 applied at step 7");
});
