import { test } from "node:test";
import assert from "node:assert/strict";
import { under, spot } from "../../../widgets/interactive_train_widgets/js/placing.js";

const room = { left: 0, right: 400, top: 20, bottom: 220 };
const size = { width: 150, height: 60 };
const line = (xs, ys, weight = 1) => ({ xs, ys, weight });
const low = line([60, 340], [200, 200]);

test("what a box hides of a line is measured along the steps", () => {
  const box = { x: 100, y: 180, width: 50, height: 40 };
  assert.equal(under([low], box), 50);
  assert.equal(under([line([60, 340], [200, 200], 0.3)], box), 15);
  assert.equal(under([line([60, 340], [100, 100])], box), 0);
  assert.equal(under([line([60, 120, 340], [200, NaN, 200])], box), 0);
  assert.equal(under([line([0, 300], [0, 300])], { x: 100, y: 100, width: 50, height: 50 }), 50); // through it, no point inside
  assert.equal(under([line([0, 300], [0, 300])], { x: 100, y: 200, width: 50, height: 50 }), 0);
});

test("the table stands on the side away from the crosshair and above what lies low", () => {
  assert.deepEqual(spot(size, room, 80, [low], null, false), { name: "right top", x: 250, y: 20, width: 150, height: 60 });
  assert.equal(spot(size, room, 330, [low], null, false).name, "left top");
  assert.equal(spot(size, room, 80, [line([60, 340], [30, 30])], null, false).name, "right bottom");
});

test("it never touches the crosshair, wherever that is, if it is narrower than half the room", () => {
  for (let cross = 0; cross <= 400; cross += 5) {
    const { x, width } = spot(size, room, cross, [low], "left bottom", false);
    assert.ok(x > cross + 10 || x + width < cross - 10, `${x} at ${cross}`);
  }
});

test("it stays where it is unless another place hides much less", () => {
  assert.equal(spot(size, room, 80, [], "right bottom", false).name, "right bottom");
  assert.equal(spot(size, room, 80, [low], "right bottom", false).name, "right top");
  assert.equal(spot(size, room, 80, [line([60, 260], [200, 200])], "right bottom", false).name, "right bottom");
  assert.equal(spot(size, room, 300, [], "right bottom", false).name, "left top");
});

test("in a wide picture it stands beside the crosshair", () => {
  const wide = { ...room, right: 1200 };
  assert.equal(spot(size, wide, 80, [low], null, true).x, 104);
  assert.equal(spot(size, wide, 1190, [low], null, true).x, 1016);
});

test("too wide a table takes the larger side", () => {
  assert.equal(spot({ width: 300, height: 60 }, room, 120, [], null, false).name, "right top");
  assert.equal(spot({ width: 300, height: 60 }, room, 290, [], null, false).name, "left top");
});
