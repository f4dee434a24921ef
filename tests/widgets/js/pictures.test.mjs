import assert from "node:assert/strict";
import { test } from "node:test";
import { hidden, shaded, strongest, visible } from "../../../widgets/interactive_train_widgets/js/teaching/attention.js";
import { percentOf } from "../../../widgets/interactive_train_widgets/js/teaching/bars.js";
import { reading } from "../../../widgets/interactive_train_widgets/js/teaching/convolution.js";
import { placeText } from "../../../widgets/interactive_train_widgets/js/teaching/misclassified.js";
import { colourTable, ramp, signedValue, tileSize } from "../../../widgets/interactive_train_widgets/js/teaching/pixels.js";
import { roomBeside } from "../../../widgets/interactive_train_widgets/js/teaching/tiles.js";
import { NEAR, Pen } from "../../../widgets/interactive_train_widgets/js/teaching/strokes.js";

test("a table of colours goes through its stops and stays at its ends", () => {
  const table = colourTable([[1, [200, 100, 0]], [128, [0, 0, 0]], [255, [0, 100, 200]]]);
  const at = (byte) => [...table.subarray(4 * byte, 4 * byte + 4)];
  assert.deepEqual(at(0), [200, 100, 0, 255]);
  assert.deepEqual(at(1), [200, 100, 0, 255]);
  assert.deepEqual(at(128), [0, 0, 0, 255]);
  assert.deepEqual(at(255), [0, 100, 200, 255]);
  const quarter = at(128 + 32);
  assert.ok(quarter[2] > 45 && quarter[2] < 55);
});

test("a key has the colours of its picture, from end to end", () => {
  const table = colourTable([[1, [200, 100, 0]], [128, [30, 30, 30]], [255, [0, 100, 200]]]);
  const stops = ramp(table, (part) => 1 + 254 * part).match(/rgb\([^)]*\)/g);
  assert.equal(stops[0], "rgb(200 100 0)");
  assert.equal(stops[(stops.length - 1) / 2], "rgb(30 30 30)");
  assert.equal(stops.at(-1), "rgb(0 100 200)");
});

test("bytes of a signed scale are read as feature_maps.py writes them", () => {
  assert.equal(signedValue(1, 2), -2);
  assert.equal(signedValue(128, 2), 0);
  assert.equal(signedValue(255, 2), 2);
  assert.equal(signedValue(0, 2), null);
});

test("a tile is a whole multiple of its pixels", () => {
  assert.deepEqual(tileSize(8, 8, 48), { width: 48, height: 48 });
  assert.deepEqual(tileSize(6, 4, 47), { width: 28, height: 42 });
  assert.deepEqual(tileSize(64, 64, 48), { width: 64, height: 64 });
});

test("tiles are as large as a row has room, and in two rows where it is narrow", () => {
  assert.equal(roomBeside(693, 16), 32);
  assert.equal(roomBeside(490, 16), 50);
  assert.equal(roomBeside(60, 16), 32);
});

test("a probability is short, and never 0 or 100 when it is not", () => {
  assert.deepEqual([0, 0.004, 0.934, 0.996, 1, NaN].map(percentOf), ["0 %", "<1 %", "93 %", ">99 %", "100 %", "–"]);
  assert.equal(placeText("8", "3", 0.5), "8 read as 3, 50 %");
  assert.equal(reading("relu", 1, 2, 3, null), "relu, channel 1, row 2, column 3: not a number");
});

test("blanks of a text can be seen", () => {
  assert.equal(visible(" \n\t"), "␣↵⇥");
  assert.equal(visible(""), "∅");
});

test("a causal mask hides what comes later, of a longer memory too", () => {
  assert.equal(hidden(1, 2, 4, 4, true), true);
  assert.equal(hidden(1, 1, 4, 4, true), false);
  assert.equal(hidden(0, 2, 2, 4, true), false);
  assert.equal(hidden(0, 3, 2, 4, true), true);
  assert.equal(hidden(0, 3, 4, 4, false), false);
});

test("the strongest keys come first, hidden ones never", () => {
  assert.deepEqual(strongest(Uint8Array.of(10, 0, 200, 10), 3), [[2, 200], [0, 10], [3, 10]]);
  assert.deepEqual([...shaded(Uint8Array.of(0, 64, 255))], [0, 128, 255]);
});

function told() {
  const said = [];
  return [said, new Pen((name, value) => said.push([name, value]))];
}

test("a stroke is told as a beginning and few messages of points", () => {
  const [said, pen] = told();
  pen.begin(0.1, 0.2);
  for (let i = 1; i <= 5; i++) pen.extend(0.1 + 0.02 * i, 0.2);
  assert.equal(said.length, 1);
  pen.end();
  assert.deepEqual(said[0], ["begin", [0.1, 0.2]]);
  assert.equal(said[1][0], "extend");
  assert.equal(said[1][1].length, 10);
  assert.equal(pen.extend(0.9, 0.9), false);
});

test("points that hardly differ are left out, and none leaves the paper", () => {
  const [said, pen] = told();
  pen.begin(-0.5, 0.5);
  assert.deepEqual(said[0][1], [0, 0.5]);
  assert.equal(pen.extend(NEAR / 2, 0.5), false);
  assert.equal(pen.extend(7, 7), true);
  pen.flush();
  assert.deepEqual(said[1][1], [1, 1]);
});

test("a long stroke is told in messages that the kernel takes", () => {
  const [said, pen] = told();
  pen.begin(0, 0);
  for (let i = 0; i < 900; i++) pen.extend((i % 50) / 50, (i % 7) / 7);
  pen.end();
  assert.ok(said.every(([, value]) => value.length <= 4096));
});

test("the strokes of a frame are taken over, and cleared", () => {
  const [, pen] = told();
  pen.adopt(Float32Array.of(0, 0, 1, 1, 0.5, 0.25), [2, 1]);
  assert.deepEqual(pen.strokes, [[[0, 0], [1, 1]], [[0.5, 0.25]]]);
  pen.clear();
  assert.deepEqual(pen.strokes, []);
});
