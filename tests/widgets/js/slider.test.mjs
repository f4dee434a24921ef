import { test } from "node:test";
import assert from "node:assert/strict";
import { sliderRange, toPosition, toValue, keyed, parseNumber, complaint } from "../../../widgets/interactive_train_widgets/js/slider.js";

const lr = (over = {}) => ({ slider: [1e-5, 1e-1], low: 0, high: null, default: 1e-3, effective: 1e-3, log: true, interval: "[0, inf)", ...over });

test("a value outside the declared range widens the slider, for good", () => {
  const wide = sliderRange(lr({ effective: 3 }));
  assert.deepEqual([wide.low, wide.high], [1e-5, 3]);
  const later = sliderRange(lr(), wide);
  assert.deepEqual([later.low, later.high], [1e-5, 3]);
  assert.equal(sliderRange(lr({ effective: 1e-8 })).low, 1e-8);
});

test("zero does not break a logarithmic slider", () => {
  const range = sliderRange(lr({ effective: 0 }));
  assert.equal(toPosition(range, 0), 0);
  assert.equal(keyed(range, 0, "ArrowRight"), 1e-5);
});

test("without a declared range one is made around the default", () => {
  const range = sliderRange(lr({ slider: null }));
  assert.ok(range.low > 0 && range.low < 1e-3 && range.high > 1e-3);
  assert.deepEqual(sliderRange({ slider: null, low: 0, high: 1, default: 0.5, effective: 0.5, log: false }), { low: 0, high: 1, log: false });
  assert.ok(sliderRange({ slider: null, low: null, high: null, default: 0, effective: 0, log: false }).high > 0);
});

test("positions and values agree within the three digits that are meant", () => {
  const range = sliderRange(lr());
  for (let p = 0; p <= 1; p += 0.05) assert.ok(Math.abs(toPosition(range, toValue(range, p)) - p) < 1e-3);
  assert.deepEqual([toValue(range, 0), toValue(range, 1), toValue(range, 0.5)], [1e-5, 0.1, 1e-3]);
});

test("arrows move by five percent, page keys by two, home and end to the ends", () => {
  const range = sliderRange(lr());
  assert.ok(Math.abs(keyed(range, 1e-3, "ArrowRight") - 1.05e-3) < 1e-9);
  assert.ok(Math.abs(keyed(range, 1e-3, "ArrowDown") - 9.524e-4) < 1e-9);
  assert.equal(keyed(range, 1e-3, "PageUp"), 2e-3);
  assert.equal(keyed(range, 1e-3, "PageDown"), 5e-4);
  assert.equal(keyed(range, 1e-3, "Home"), 1e-5);
  assert.equal(keyed(range, 1e-3, "End"), 0.1);
  assert.equal(keyed(range, 0.1, "ArrowRight"), 0.1);
  assert.equal(keyed(range, 1e-3, "a"), null);
});

test("a linear slider moves by hundredths and tenths", () => {
  const range = { low: 0, high: 1, log: false };
  assert.equal(keyed(range, 0.1, "ArrowUp"), 0.11);
  assert.equal(keyed(range, 0.1, "PageDown"), 0);
});

test("typed numbers may have commas, spaces and exponents", () => {
  for (const [text, value] of [["3e-4", 3e-4], [" 0,5 ", 0.5], ["1 000", 1000], ["−1", -1]]) assert.equal(parseNumber(text), value);
  for (const text of ["", "fast", "1e"]) assert.ok(Number.isNaN(parseNumber(text)));
});

test("what is wrong is said in words", () => {
  assert.equal(complaint(lr(), 0, "0"), "");
  assert.equal(complaint(lr(), -1, "-1"), "must lie in [0, inf)");
  assert.equal(complaint(lr(), NaN, "fast"), "not a number: fast");
  assert.equal(complaint(lr({ high: 1, openHigh: true, interval: "[0, 1)" }), 1, "1"), "must lie in [0, 1)");
  assert.equal(complaint(lr({ openLow: true, interval: "(0, inf)" }), 0, "0"), "must lie in (0, inf)");
});
