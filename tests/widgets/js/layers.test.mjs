import { test } from "node:test";
import assert from "node:assert/strict";
import { layerTree, visible, foldedAtFirst, ratioHint } from "../../../widgets/interactive_train_widgets/js/tree.js";
import { outline, zeroAt, inWords } from "../../../widgets/interactive_train_widgets/js/histogram.js";

const spread = (over = {}) => ({
  size: 100, mean: 0, std: 1, norm: 10, low: -2, high: 2, zeros: 0, nans: 0, infinities: 0, counts: new Array(24).fill(4), start: -2, stop: 2, below: 0, above: 4, ...over,
});
const group = (path, kind, over = {}) => ({ path, kind, parameters: 12, frozen: false, resting: [], knobs: ["lr"], ...over });
const array = (path, shape, over = {}) => ({ path, shape, weights: spread(), gradients: spread({ norm: 3 }), update: 0.01, frozen: false, ...over });
const groups = [group("layers.0", "Linear"), group("layers.2", "Linear"), group("layers.10", "Linear")];
const look = {
  arrays: groups.flatMap(({ path }) => [array(`${path}.weight`, [3, 4]), array(`${path}.bias`, [4], { gradients: spread({ norm: 4 }) })]),
  outputs: [{ path: "layers.0", kind: "Linear", shape: [8, 4], values: spread() }, { path: "layers.1", kind: "relu", shape: [8, 4], values: spread({ zeros: 50 }) },
    { path: "", kind: "Sequential", shape: [8, 4], values: spread() }],
};
const labels = (rows) => rows.map(({ node, depth }) => `${"  ".repeat(depth)}${node.label} ${node.kind}`);

test("layers, functions and arrays stand in their order under the branch that holds them", () => {
  const nodes = layerTree(groups, look);
  assert.deepEqual(labels(visible(nodes, new Set(["layers.2", "layers.10"]))), [
    "layers.0 Linear", "  weight array", "  bias array", "layers.1 relu", "layers.2 Linear", "layers.10 Linear",
  ]);
});

test("without statistics there are the layers and their boxes", () => {
  const nodes = layerTree(groups, null);
  assert.deepEqual(nodes.map((n) => [n.path, n.parameters, n.frozen, n.gradient]), groups.map((g) => [g.path, 12, false, null]));
});

test("a branch adds up norms as they add, and counts", () => {
  const [first] = layerTree(groups, look);
  assert.equal(first.gradient, 5);
  assert.ok(Math.abs(first.ratio - Math.hypot(0.01, 0.01) / Math.hypot(10, 10)) < 1e-12);
  assert.equal(first.main.path, "layers.0.weight");
  assert.deepEqual(first.children.map((c) => c.parameters), [12, 4]);
});

test("a branch is frozen with all below it, and mixed with some", () => {
  const state = (...g) => layerTree(g, look)[0].frozen;
  assert.equal(state(group("layers.0", "Linear", { frozen: true })), true);
  assert.equal(state(group("layers.0", "Linear", { resting: ["layers.0.bias"] })), "mixed");
  const blocks = [group("a.x", "L", { frozen: true }), group("a.y", "L"), group("b", "L")];
  const [a, b] = layerTree(blocks, null);
  assert.deepEqual([a.path, a.frozen, a.children.map((c) => c.frozen), b.frozen], ["a", "mixed", [true, false], false]);
  const [owner] = layerTree([group("layers.0", "Linear", { resting: ["layers.0.bias"] })], look);
  assert.deepEqual(owner.children.map((c) => c.frozen), [false, true]);
});

test("a tree without layers has its arrays at the top", () => {
  const nodes = layerTree([group("weight", "array"), group("bias", "array", { frozen: true })], { arrays: [array("weight", [2, 2]), array("bias", [2])], outputs: [] });
  assert.deepEqual(nodes.map((n) => [n.label, n.frozen, n.freezable]), [["weight", false, true], ["bias", true, true]]);
});

test("an update is said to be small or large outside of what is usual, and only of matrices", () => {
  assert.equal(ratioHint(1e-3), null);
  assert.equal(ratioHint(1e-6).word, "small");
  assert.equal(ratioHint(0.1).word, "large");
  assert.deepEqual([ratioHint(null), ratioHint(0)], [null, null]);
  const only = layerTree([group("n", "LayerNorm")], { arrays: [array("n.scale", [4], { update: 1e-9 })], outputs: [] });
  assert.equal(only[0].hint, null);
  assert.equal(layerTree(groups, look)[0].hint, null);
  const fast = layerTree([group("n", "Linear")], { arrays: [array("n.weight", [4, 4], { update: 9 })], outputs: [] });
  assert.equal(fast[0].hint.word, "large");
});

test("what is not finite is counted up to the top and gives no norm", () => {
  const arrays = [array("n.weight", [4, 4], { update: null, gradients: spread({ nans: 2, infinities: 1 }) })];
  const [node] = layerTree([group("n", "Linear")], { arrays, outputs: [] });
  assert.deepEqual([node.broken, node.gradient, node.ratio], [3, null, null]);
});

test("a large model is folded to its layers at first, a small one is not", () => {
  assert.equal(foldedAtFirst(layerTree(groups, look)).size, 0);
  const many = Array.from({ length: 20 }, (_, i) => group(`layers.${i}`, "Linear"));
  const nodes = layerTree(many, { arrays: many.map((g) => array(`${g.path}.weight`, [2, 2])), outputs: [] });
  assert.equal(foldedAtFirst(nodes).size, 20);
});

test("a histogram is one closed outline with square roots of counts as heights", () => {
  assert.equal(outline([0, 1, 4]), "M0 12L0 12.00h8L8 6.00h8L16 0.00h8V12z");
  assert.ok(!outline([0, 0]).includes("NaN"));
  assert.equal(zeroAt({ start: -1, stop: 3 }), 0.25);
  assert.equal(zeroAt({ start: 0, stop: 3 }), null);
});

test("a distribution says in words what its picture cannot", () => {
  const text = inWords(spread({ zeros: 40, nans: 2, infinities: 1 }));
  for (const part of ["mean 0", "40 % are 0", "4 above", "2 NaN", "1 infinite"]) assert.ok(text.includes(part), text);
  assert.equal(inWords(spread({ mean: null, nans: 100 })), "100 numbers, none is finite");
  assert.ok(!inWords(spread({ above: 0 })).includes("drawn"));
});
