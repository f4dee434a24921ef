import { test } from "node:test";
import assert from "node:assert/strict";
import { csv, svg, fileName } from "../../../widgets/interactive_train_widgets/js/export.js";
import { SvgContext } from "../../../widgets/interactive_train_widgets/js/svg.js";

const curve = (kind, steps, mean, more = {}) => ({ run: 0, kind, name: "", count: steps.length, steps: Float64Array.from(steps), mean: Float64Array.from(mean), ...more });

test("a CSV has one row for each step that any curve has", () => {
  const curves = [
    curve("loss", [1, 2, 3], [0.1, 0.2, 1 / 3]), curve("metric", [2], [0.5], { name: "validation_loss" }),
    curve("lr", [1, 2, 3], [1e-3, 1e-7, NaN]),
  ];
  assert.equal(csv({ runs: ["a"], curves }).join(""), [
    "step,loss,validation_loss,learning rate", "1,0.1,,0.001", "2,0.2,0.5,1e-7", "3,0.3333333333333333,,NaN", ""].join("\n"));
});

test("several runs and branches name their columns, quoted where they must be", () => {
  const curves = [curve("loss", [1], [1]), curve("loss", [4], [2], { run: 1, branch: 'high, "a"' }), curve("loss", [], [])];
  assert.equal(csv({ runs: ["a", "b"], curves }).join(""), 'step,a loss,"b loss high, ""a"""\n1,1,\n4,,2\n');
});

test("a branch's validation loss has a column", () => {
  const curves = [curve("loss", [1], [1]), curve("metric", [1], [2], { name: "validation_loss", branch: "main" })];
  assert.equal(csv({ runs: ["a"], curves }).join(""), "step,loss,validation_loss main\n1,1,2\n");
});

test("rings stand on a line, not closer than they can be told apart", () => {
  const line = (xs) => ({ xs, ys: xs.map(() => 1), colour: "#0f0", width: 2, rings: 3 });
  const drawn = (xs) => svg([{ width: 400, height: 200, model: { ...model, lines: [line(xs)], dots: [] } }], { name: "a", step: 1 }, theme);
  const rings = (text) => [...text.matchAll(/a3 3 0 1 1 6 0/g)].length / 2; // filled, and drawn around
  assert.equal(rings(drawn([10, 50, 90])), 3);
  const many = rings(drawn(Array.from({ length: 500 }, (_, i) => i / 5)));
  assert.ok(many > 5 && many < 20, `${many}`);
});

test("a file of many rows comes in parts and loses none", () => {
  const steps = Array.from({ length: 45000 }, (_, i) => i + 1);
  const parts = csv({ runs: ["a"], curves: [curve("loss", steps, steps)] });
  assert.ok(parts.length > 2);
  const lines = parts.join("").trimEnd().split("\n");
  assert.deepEqual([lines.length, lines[45000], lines[20000]], [45001, "45000,45000", "20000,20000"]);
});

test("file names are plain", () => {
  assert.equal(fileName({ name: "my run/../<b>", step: 12 }, "csv"), "my-run-b-step-12.csv");
  assert.equal(fileName({ name: "//", step: 0 }, "svg"), "run-step-0.svg");
});

const theme = { series: ["#00f"], muted: "#666", grid: "#eee", back: "#fff", text: "#111", rule: "#909", font: '"Segoe UI", sans-serif', size: 12, line: 2 };
const model = {
  x: [0, 100], y: [0.1, 10], log: true, title: "loss <nats>", margins: { left: 60, right: 70, top: 20, bottom: 20 }, numbered: true,
  bands: [{ xs: [1, 50], low: [0.2, 0.3], high: [1, 2], colour: "#00f", alpha: 0.2 }],
  lines: [{ xs: [1, 50, 90], ys: [5, NaN, 0.5], colour: "#00f", width: 2, dash: [7, 4] }],
  marks: [{ at: 40, text: "1–2" }], dots: [{ x: 90, y: 0.5, colour: "#00f" }, { x: 1, y: 5, colour: "#0f0", radius: 3 }],
  ends: [{ x: 90, y: 0.5, name: "train & test", text: "0.500", colour: "#00f" }], cross: 30, select: [10, 20],
};

test("an SVG is whole: axes with titles, curves, marks, labels; without what only the page needs", () => {
  const text = svg([{ width: 600, height: 240, model }], { name: "a <b>", step: 90 }, theme);
  assert.match(text, /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" width="624"/);
  for (const part of ["loss &lt;nats&gt;", ">step<", ">train &amp; test<", ">1–2<", 'stroke-dasharray="7 4"', "a &lt;b&gt;, step 90", "rotate(-90)"]) {
    assert.ok(text.includes(part), part);
  }
  assert.ok(!/NaN|undefined|#0f0/.test(text));
  for (const line of text.trim().split("\n")) {
    assert.match(line, /^(<[^<>]+>[^<>]*)+$/);
    for (const [, between, tag] of line.matchAll(/>([^<>]+)<(\S)/g)) assert.equal(tag, "/", between); // text in <text> alone
    assert.ok(!/>[^<>]*="/.test(line), line);
  }
  assert.match(text, /fill="#00f" opacity="0.2" transform="translate\(12 28.8\)"\/>/);
  const open = text.match(/<(?!\/|path|rect)[a-zA-Z]+/g).length;
  assert.equal(open, text.match(/<\/[a-zA-Z]+>/g).length);
});

test("what is saved is restored, and clips hold for what is drawn within", () => {
  const c = new SvgContext(10, 10);
  c.save();
  c.translate(1, 2);
  c.beginPath();
  c.rect(0, 0, 5, 5);
  c.clip();
  c.fillRect(0, 0, 1, 1);
  c.restore();
  c.fillRect(2, 2, 1, 1);
  const [clip, inside, outside] = c.parts;
  assert.match(clip, /clipPath id="clip1".*translate\(1 2\)/);
  assert.match(inside, /clip-path="url\(#clip1\)".*translate/);
  assert.ok(!/clip|transform/.test(outside));
});
