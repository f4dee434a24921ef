import { test } from "node:test";
import assert from "node:assert/strict";
import { fitted, zoomed, panned, pinched, asked } from "../../../widgets/interactive_train_widgets/js/zoom.js";
import { apart, columnsOf } from "../../../widgets/interactive_train_widgets/js/scales.js";

const limits = [0, 1000];
const near = (got, want) => got.forEach((v, i) => assert.ok(Math.abs(v - want[i]) < 1e-9, `${got} is not ${want}`));

test("zooming keeps the step under the pointer in its place", () => {
  const [a, b] = zoomed([100, 300], 150, 0.5, limits);
  near([a, b], [125, 225]);
  near([(150 - a) / (b - a)], [0.25]);
});

test("zooming out ends at everything", () => {
  assert.equal(zoomed([100, 900], 500, 2, limits), null);
  near(zoomed([0, 100], 50, 2, limits), [0, 200]);
});

test("what is under two fingers stays under them", () => {
  const where = ([from, to], part) => from + part * (to - from);
  const range = [200, 600];
  const closer = pinched(range, [0.4, 0.6], [0.2, 0.9], limits);
  near([where(closer, 0.2), where(closer, 0.9)], [where(range, 0.4), where(range, 0.6)]);
  near(pinched(range, [0.4, 0.6], [0.3, 0.5], limits), [240, 640]);
  assert.equal(pinched(range, [0.1, 0.9], [0.4, 0.6], limits), null);
  near(pinched([1, 1000], [0.4, 0.6], [0.3, 0.7], [1, 1000], true), [1000 ** 0.25, 1000 ** 0.75]);
  assert.ok(pinched(range, [0.5, 0.5], [0.5, 0.5], limits).every(Number.isFinite));
});

test("a window has some steps at least and lies inside what there is", () => {
  near(fitted([10, 10.5], limits), [10, 14]);
  near(fitted([-50, 50], limits), [0, 100]);
  near(fitted([990, 1100], limits), [890, 1000]);
  assert.equal(fitted([0, 1000], limits), null);
});

test("moving stops at the ends", () => {
  near(panned([100, 200], 0.5, limits), [150, 250]);
  near(panned([100, 200], -3, limits), [0, 100]);
});

test("on a logarithmic axis zooming and moving are by factors", () => {
  near(zoomed([1, 100], 10, 0.5, [1, 1000], true), [Math.sqrt(10), 10 * Math.sqrt(10)]);
  near(panned([1, 10], 0.5, [1, 1000], true), [Math.sqrt(10), 10 * Math.sqrt(10)]);
  near(panned([1, 10], -0.5, [1, 1000], true), [1, 10]);
});

test("the kernel is asked for half a picture more, within what there is", () => {
  assert.deepEqual(asked([100, 200], limits), [75, 225]);
  assert.deepEqual(asked([0, 100], limits), [0, 125]);
  assert.equal(asked(null, limits), null);
});

test("labels never overlap and stay inside", () => {
  for (const ys of [[50, 50, 50], [0, 1, 2, 99, 100], [95, 97, 98], [3], []]) {
    const out = apart(ys, 0, 100, 20);
    out.forEach((y, i) => assert.ok(y >= 10 && y <= 90 && (!i || y - out[i - 1] >= 20 - 1e-9), String(out)));
    assert.equal(out.length, ys.length);
  }
  assert.equal(apart([1, 2, 3, 4, 5, 6, 7], 0, 100, 20).length, 5);
  assert.deepEqual(apart([30, 70], 0, 100, 20), [30, 70]);
});

test("labels that stand beside each other need not be moved apart", () => {
  const label = (left, right) => ({ left, right });
  const groups = columnsOf([label(50, 90), label(0, 60), label(100, 120), label(95, 99)]);
  assert.deepEqual(groups.map((g) => g.map((l) => l.left)), [[0, 50], [95], [100]]);
});
