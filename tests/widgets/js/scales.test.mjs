import { test } from "node:test";
import assert from "node:assert/strict";
import { niceStep, linearTicks, logTicks, mapping, roundRange, holdRange, horizon } from "../../../widgets/interactive_train_widgets/js/scales.js";

test("steps are 1, 2 or 5 times a power of ten", () => {
  for (const [raw, step] of [[0.9, 1], [1.1, 2], [3, 5], [7, 10], [0.013, 0.02]]) assert.ok(Math.abs(niceStep(raw) - step) < 1e-12);
});

test("linear ticks are round, inside and exact", () => {
  assert.deepEqual(linearTicks(0, 1, 5), [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.deepEqual(linearTicks(0.3, 0.9, 3), [0.4, 0.6, 0.8]);
  assert.deepEqual(linearTicks(5, 5, 3), [5]);
});

test("logarithmic ticks thin out as decades grow", () => {
  assert.deepEqual(logTicks(0.1, 10, 6), [0.1, 0.2, 0.5, 1, 2, 5, 10]);
  assert.deepEqual(logTicks(1e-6, 1e3, 4), [1e-6, 1e-3, 1, 1e3]);
  assert.ok(logTicks(0.41, 0.47, 5).length >= 2);
});

test("a mapping and its inverse agree on both scales", () => {
  for (const log of [false, true]) {
    const map = mapping(0.01, 100, 20, 220, log);
    for (const v of [0.01, 0.3, 7, 100]) assert.ok(Math.abs(map.invert(map(v)) - v) < 1e-9 * v + 1e-12);
  }
  assert.ok(Math.abs(mapping(0.01, 100, 0, 100, true)(1) - 50) < 1e-9);
});

test("ranges get round ends around the data", () => {
  assert.deepEqual(roundRange(0.03, 2.7, true).map((v) => Number(v.toPrecision(3))), [0.02, 5]);
  assert.deepEqual(roundRange(0.1, 1, true), [0.1, 1]);
  const [low, high] = roundRange(0.13, 0.88, false);
  assert.ok(low <= 0.13 && high >= 0.88);
  assert.ok(roundRange(3, 3, false)[0] < 3);
});

test("an axis stands still until data leave it or use less than half", () => {
  const now = holdRange(null, 0.2, 2, true);
  assert.equal(holdRange(now, 0.21, 1.9, true), now);
  assert.notEqual(holdRange(now, 0.05, 2, true), now);
  assert.notEqual(holdRange([0.001, 100], 0.2, 2, true), now.slice());
  assert.deepEqual(holdRange(null, NaN, NaN, false), [0, 1]);
  assert.deepEqual(holdRange(null, Infinity, -Infinity, true), [0.1, 1]);
});

test("random data never fall outside the held range", () => {
  let [range, seed] = [null, 1];
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  for (let i = 0; i < 2000; i++) {
    const low = 10 ** (random() * 6 - 4);
    const high = low * 10 ** (random() * 3);
    range = holdRange(range, low, high, true);
    assert.ok(range[0] <= low * 1.001 && range[1] >= high * 0.999, `${range} ${low} ${high}`);
  }
});

test("the step axis grows in few moves and ends at the plan", () => {
  let end = null;
  let moves = 0;
  for (let step = 0; step <= 3000; step++) {
    const next = horizon(end, 0, step, 3000, false);
    if (next !== end) moves++;
    end = next;
    assert.ok(end >= step);
  }
  assert.equal(end, 3000);
  assert.ok(moves < 30, String(moves));
  assert.equal(horizon(null, 0, 10, 3000, true), 3000);
  assert.ok(horizon(null, 0, 0, null, false) >= 20);
  assert.equal(horizon(400, 100, 150, 160, false), 160);
});
