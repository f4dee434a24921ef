import { test } from "node:test";
import assert from "node:assert/strict";
import { grouped, short, steady, clock, perSecond, words, printable, change, origin, provenance } from "../../../widgets/interactive_train_widgets/js/format.js";

const knob = (over = {}) => ({
  name: "lr", path: "", title: "Learning rate", scheduled: true, effective: 2.1e-4, base: 7e-4, scale: 0.3, override: null, ...over,
});
const entry = (over = {}) => ({
  kind: "adjust", name: "lr", path: "", step: 1102, lastStep: 1102, old: "0.001", new: "0.0003", text: "lr: 0.001 -> 0.0003", undone: false, ...over,
});

test("thousands are parted by thin spaces", () => {
  assert.equal(grouped(1240), "1\u2009240");
  assert.equal(grouped(1234567), "1\u2009234\u2009567");
  assert.equal(grouped(999), "999");
  assert.equal(grouped(NaN), "–");
});

test("short numbers carry what a person needs", () => {
  const cases = [[2.1e-4, "2.1e-4"], [1e-3, "1e-3"], [0.974, "0.974"], [0.1, "0.1"], [0, "0"], [12.345, "12.3"], [5e-2, "0.05"],
    [1234, "1\u2009234"], [1e7, "1e7"], [-3e-5, "-3e-5"], [Infinity, "∞"], [NaN, "–"], [null, "–"]];
  for (const [value, text] of cases) assert.equal(short(value), text);
});

test("steady numbers keep their width while they move", () => {
  for (const [value, text] of [[0.1, "0.100"], [0.0951, "0.095"], [2.5, "2.50"], [12.34, "12.3"], [4e-5, "4.00e-5"], [0, "0.000"]]) {
    assert.equal(steady(value), text);
  }
  assert.equal(steady(NaN), "–");
});

test("times and rates", () => {
  assert.equal(clock(41), "0:41");
  assert.equal(clock(3723), "1:02:03");
  assert.equal(clock(NaN), "–:––");
  assert.equal(perSecond(49.8), "50/s");
  assert.equal(perSecond(0.43), "0.43/s");
  assert.equal(perSecond(3120), "3\u2009120/s");
});

test("names become words", () => assert.equal(words("validation_accuracy"), "Validation accuracy"));

test("of a scaled schedule the value is shown", () => {
  assert.equal(printable("schedule x 0.3 (0.00021)"), "2.1e-4");
  assert.equal(printable("0.0010"), "1e-3");
  assert.equal(printable("frozen"), "frozen");
  assert.equal(printable(""), "");
});

test("journal rows are sentences", () => {
  assert.equal(change(entry(), [knob()]), "learning rate 1e-3 → 3e-4");
  assert.equal(change(entry({ kind: "freeze", name: "", path: "layers.0" }), []), "freeze layers.0");
  assert.equal(change(entry({ kind: "release" }), [knob()]), "learning rate back to its schedule");
  assert.equal(change(entry({ kind: "note", name: "", text: "why" }), []), "why");
  assert.equal(change(entry({ kind: "pause", name: "", old: "", new: "", text: "pause" }), []), "pause");
  assert.equal(change(entry({ kind: "undo" }), [knob()]), "undo: learning rate 1e-3 → 3e-4");
});

test("where a value comes from is said in words", () => {
  assert.equal(provenance(knob(), [entry()]), "2.1e-4 = schedule × 0.3 since step 1\u2009102");
  assert.equal(provenance(knob({ scale: 1, effective: 7e-4 }), []), "7e-4 = schedule");
  assert.equal(provenance(knob({ override: 2.1e-4 }), [entry()]), "2.1e-4 held since step 1\u2009102, schedule says 7e-4");
  assert.equal(provenance(knob({ scheduled: false, scale: 1 }), []), "2.1e-4 constant");
  assert.equal(origin(knob(), [entry()], true), "schedule × 0.3");
  assert.equal(provenance(knob(), [entry({ undone: true })]), "2.1e-4 = schedule × 0.3");
});
