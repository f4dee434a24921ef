import { test } from "node:test";
import assert from "node:assert/strict";
import { lanes, laneAt, reach, nearest, price, bytes, walked } from "../../../widgets/interactive_train_widgets/js/lanes.js";

const branch = (name, parent, forkStep, lastStep, current = false) => ({ name, parent, forkStep, lastStep, current, loss: 0.5 });
const frame = (over = {}) => ({
  run: { firstStep: 0, step: 700, loss: 0.4 },
  branches: [branch("main", "", 0, 1000), branch("branch 1", "main", 500, 650), branch("calm", "branch 1", 600, 600, true)],
  snapshots: [{ step: 0, name: "", branch: "main" }, { step: 400, name: "", branch: "main" }, { step: 900, name: "", branch: "main" },
    { step: 620, name: "", branch: "branch 1" }, { step: 640, name: "mine", branch: "calm" }],
  ...over,
});

test("a run that never went back is one lane to where it stands", () => {
  const [only, ...rest] = lanes({ run: { firstStep: 10, step: 90, loss: 1 }, branches: [] });
  assert.deepEqual([only.from, only.to, only.current, rest.length], [10, 90, true, 0]);
});

test("a branch begins where it left its parent, the current one ends where the run stands", () => {
  const all = lanes(frame());
  assert.deepEqual(all.map((b) => [b.name, b.lane, b.above ?? null, b.from, b.to]), [
    ["main", 0, null, 0, 1000], ["branch 1", 1, 0, 500, 650], ["calm", 2, 1, 600, 700],
  ]);
  assert.deepEqual(reach(frame(), all), [0, 1000]);
});

test("the current line runs on its parents before the forks", () => {
  const all = lanes(frame());
  assert.deepEqual([0, 500, 501, 600, 601, 700].map((s) => laneAt(all, s).name), ["main", "main", "branch 1", "branch 1", "calm", "calm"]);
});

test("the current line is bold from its beginning through its parents", () => {
  const parts = walked(lanes(frame()));
  assert.deepEqual([...parts], [["calm", [600, 700]], ["branch 1", [500, 600]], ["main", [0, 500]]]);
});

test("what going back costs follows from the states that lie on the line", () => {
  const f = frame();
  const all = lanes(f);
  assert.equal(nearest(f, all, 450), 400);
  assert.equal(nearest(f, all, 630), 400, "620 lies on another branch");
  assert.equal(nearest(f, all, 640), 640);
  assert.deepEqual([700, 640, 641, 643].map((s) => price(f, all, s)), ["here", "kept: at once", "re-runs 1 step", "re-runs 3 steps"]);
  assert.equal(price({ ...f, snapshots: [] }, all, 5), "");
});

test("a broken tree of branches ends the search all the same", () => {
  const all = lanes(frame({ branches: [branch("a", "b", 900, 900, true), branch("b", "a", 900, 900)] }));
  assert.ok(["a", "b"].includes(laneAt(all, 5).name));
});

test("bytes are read at a glance", () => {
  assert.deepEqual([0, 999, 1234, 45e6, 2.5e9, NaN].map(bytes), ["0 B", "999 B", "1.2 kB", "45 MB", "2.5 GB", "–"]);
});
