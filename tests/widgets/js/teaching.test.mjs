import assert from "node:assert/strict";
import test from "node:test";

import { tickText } from "../../../widgets/interactive_train_widgets/js/teaching/plane.js";
import { newestOf } from "../../../widgets/interactive_train_widgets/js/teaching/optimizer_race.js";
import { unitSize } from "../../../widgets/interactive_train_widgets/js/teaching/first_layer.js";
import { steered, takeApart } from "../../../widgets/interactive_train_widgets/js/teaching/view.js";

test("ticks have as many digits as tell them apart", () => {
  assert.equal(tickText(-0.2003, [-0.2003, -0.2002]), "−0.2003");
  assert.equal(tickText(2, [0, 2, 4]), "2");
  assert.equal(tickText(0.5, [0, 0.5]), "0.5");
  assert.equal(tickText(3e-5, [1e-5, 3e-5]), "3e-5");
});

test("of many wishes the first and the last are sent", async () => {
  const sent = [];
  const ask = newestOf((value) => sent.push(value));
  for (let i = 0; i < 20; i++) ask(i);
  await new Promise((done) => setTimeout(done, 250));
  assert.deepEqual(sent, [0, 19]);
  ask(20);
  assert.deepEqual(sent, [0, 19, 20]);
});

test("units fill the width in rows", () => {
  assert.equal(unitSize(600, 1), 96);
  assert.ok(8 * (unitSize(600, 32) + 11) <= 600);
  assert.equal(unitSize(100, 100), 24);
});

test("where it is narrow, units take the height as well", () => {
  assert.ok(unitSize(345, 24) > 48);
  for (const [width, units] of [[345, 24], [840, 24], [840, 64], [345, 64], [600, 100]]) {
    const size = unitSize(width, units) + 11;
    assert.ok(Math.ceil(units / Math.floor(width / size)) * size <= 400, `${units} on ${width}`);
  }
});

test("a buffer is taken apart by the head", () => {
  const bytes = new ArrayBuffer(24);
  new Float32Array(bytes, 0, 2).set([1.5, -2]);
  new Uint16Array(bytes, 8, 3).set([1, 2, 65535]);
  const arrays = { a: { at: 0, shape: [1, 2], type: "f4" }, b: { at: 8, shape: [3], type: "u2" } };
  const frame = takeApart({ arrays, text: "t" }, [new DataView(bytes)]);
  assert.deepEqual([...frame.arrays.a.data], [1.5, -2]);
  assert.deepEqual([...frame.arrays.b.data], [1, 2, 65535]);
  assert.equal(frame.text, "t");
});

test("a receipt that comes before its picture leaves the number of the step to the picture", () => {
  const frame = { data: { before: 0.1 }, run: { status: "running", step: 37 }, sequence: 4 };
  const next = steered(frame, { status: "paused", step: 38 });
  assert.deepEqual(next, { ...frame, run: { status: "paused", step: 37 } });
});
