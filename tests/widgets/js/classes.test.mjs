import { test } from "node:test";
import assert from "node:assert/strict";
import { confusionModel } from "../../../widgets/interactive_train_widgets/js/confusion.js";
import { perClass, macro, sorted, worstPairs } from "../../../widgets/interactive_train_widgets/js/classes.js";

// The numbers are scikit-learn's `classification_report` of the same predictions.
const model = confusionModel({ matrix: [[8, 2, 0], [1, 9, 3], [0, 4, 3]], block: 1, classes: 3 });
const near = (a, b) => assert.ok(Math.abs(a - b) < 5e-5, `${a} is not ${b}`);

test("precision, recall and F1 are those of scikit-learn", () => {
  const expected = [[0.888889, 0.8, 0.842105, 10], [0.6, 0.692308, 0.642857, 13], [0.5, 0.428571, 0.461538, 7]];
  perClass(model).forEach((c, i) => {
    [c.precision, c.recall, c.f1, c.support].forEach((value, j) => near(value, expected[i][j]));
  });
  const mean = macro(perClass(model));
  [mean.precision, mean.recall, mean.f1].forEach((value, i) => near(value, [0.662963, 0.640293, 0.6488336][i]));
  assert.equal(mean.support, 30);
});

test("what cannot be said of a class is not said, and lies at the end of every order", () => {
  const classes = perClass(confusionModel({ matrix: [[2, 0, 0], [1, 0, 0], [0, 0, 0]], block: 1, classes: 3 }));
  assert.deepEqual(classes.map((c) => [c.precision, c.recall, c.f1]), [[2 / 3, 1, 0.8], [null, 0, 0], [null, null, null]]);
  for (const descending of [false, true]) assert.equal(sorted(classes, "recall", descending).at(-1).order, 2);
  near(macro(classes).precision, 1 / 3);
});

test("rows are sorted by any column, equal ones by class", () => {
  const classes = perClass(model);
  assert.deepEqual(sorted(classes, "f1", false).map((c) => c.name), ["2", "1", "0"]);
  assert.deepEqual(sorted(classes, "support", true).map((c) => c.name), ["1", "0", "2"]);
  assert.deepEqual(sorted(classes, "order", false).map((c) => c.name), ["0", "1", "2"]);
});

test("the most frequent mistakes come first, hits and empty cells are none", () => {
  assert.deepEqual(worstPairs(model).map((p) => [p.label, p.read, p.count]), [["2", "1", 4], ["1", "2", 3], ["0", "1", 2], ["1", "0", 1]]);
  assert.equal(worstPairs(model, 2).length, 2);
  assert.deepEqual(worstPairs(confusionModel({ matrix: [[3]], block: 1, classes: 1 })), []);
});
