/* The next step of one weight: every line of its rule's formula, with the numbers below it. */

import { h, mark, put } from "../dom.js";
import { holdRange } from "../scales.js";
import { grouped } from "../format.js";
import { Plane } from "./plane.js";
import { RunButtons, TeachingCard, pictureCanvas } from "./view.js";

const MATH = "http://www.w3.org/1998/Math/MathML";
const REMEMBERED = 400; // steps of the small curve
// Names of one colour: what belongs together looks alike in both lines.
const FAMILIES = {
  g: "gradient", used: "gradient", before: "gradient", push: "gradient",
  m: "mean", m_hat: "mean", velocity: "mean", u: "mean", last: "mean", ahead: "mean",
  v: "square", v_hat: "square", s: "square", s_hat: "square", q: "square", sum: "square", largest: "square",
  gradients: "square", steps: "square", size: "square", variance: "square", rows: "square", columns: "square",
  lr: "rate", rate: "rate",
  x: "weight", dx: "move",
};

// One node of MathML from the nested lists of expressions.py.
export function mathNode([kind, ...parts], tall = false) {
  const make = (tag, ...children) => {
    const node = document.createElementNS(MATH, tag);
    node.append(...children);
    return node;
  };
  const inner = (high = false) => parts.map((part) => mathNode(part, high));
  if (kind === "var" || kind === "num") {
    const node = make(kind === "var" ? "mi" : "mn", parts[0]);
    const family = FAMILIES[parts[1]];
    if (family) node.setAttribute("class", `itt-is-${family}`);
    return node;
  }
  if (kind === "op") {
    if (parts[0] === "\u2062") {
      const space = make("mspace");
      space.setAttribute("width", "0.18em");
      return space;
    }
    const sign = make("mo", parts[0]);
    if (!tall) sign.setAttribute("stretchy", "false");
    return sign;
  }
  if (kind === "text") return make("mtext", parts[0]);
  if (kind === "frac") return make("mfrac", ...inner());
  if (kind === "sqrt") return make("msqrt", ...inner());
  if (kind === "sup") return make("msup", ...inner());
  // Parentheses grow around a fraction only.
  return make("mrow", ...inner(JSON.stringify(parts).includes('"frac"')));
}

function formula(...trees) {
  const math = document.createElementNS(MATH, "math");
  math.setAttribute("displaystyle", "true");
  math.append(...trees.map((tree) => mathNode(tree)));
  return math;
}

class Explained {
  constructor(card) {
    this.card = card;
    this.buttons = new RunButtons(card);
    this.path = h("select", { class: "it-chooser", "aria-label": "Array", "data-lm-suppress-shortcuts": "true" });
    this.path.addEventListener("change", () => card.choose("path", this.path.value));
    this.index = h("span", { class: "itt-index" });
    this.largest = h("button", { type: "button", class: "it-button", title: "Choose the weight with the largest gradient" }, "Largest gradient");
    this.largest.addEventListener("click", () => card.choose("largest", true));
    card.tools.append(h("span", { class: "it-sub" }, "Weight"), this.path, this.index, this.largest);
    this.change = h("div", { class: "itt-change it-number" });
    this.knobs = h("div", { class: "itt-knobs it-sub" });
    this.lines = h("div", { class: "itt-lines", role: "group", "data-picture": true });
    this.curve = new Plane(pictureCanvas(120));
    this.curve.canvas.removeAttribute("data-picture");
    mark(this.curve.canvas, "aria-label", "The weight over the last steps");
    this.past = [];
    card.body.append(this.change, this.knobs, this.lines, h("div", { class: "it-sub" }, "This weight over the steps that were seen"), this.curve.canvas);
  }

  draw(frame, theme) {
    const { data, run } = frame;
    this.buttons.update(run);
    this.choosers(data);
    const [before, gradient, move, after] = data.words;
    this.words(before, gradient, move, after, data);
    const text = JSON.stringify(data.rows);
    if (text !== this.text) {
      this.text = text;
      this.write(data);
    }
    mark(this.card.root, "data-after", data.after);
    mark(this.card.root, "data-before", data.before);
    this.remember(data);
    this.course(theme);
  }

  words(before, gradient, move, after, data) {
    const part = (title, value, family) => h("div", {}, h("div", { class: "it-sub" }, title), h("div", { class: `itt-big itt-is-${family}` }, value));
    const key = [before, gradient, move, after, data.step].join();
    if (key === this.said) return;
    this.said = key;
    this.change.replaceChildren(
      part("weight now", before, "weight"),
      part("its gradient", gradient, "gradient"),
      part("step taken away", move, "move"),
      part(`weight after step ${grouped(data.step)}`, after, "weight"),
    );
    put(this.knobs, [data.rule, ...data.knobs.map((k) => `${k.symbol} ${k.name.replaceAll("_", " ")} ${k.value}`)].join(" · "));
  }

  write(data) {
    if (!data.rows.length) {
      this.lines.replaceChildren(h("div", { class: "itt-empty" }, `${data.rule} has no formula here; its step is what the run will take.`));
      return;
    }
    const several = new Set(data.rows.map((row) => row.rule)).size > 1;
    const lines = [];
    let last = "";
    for (const row of data.rows) {
      if (several && row.rule !== last) lines.push(h("div", { class: "itt-member" }, row.rule));
      last = row.rule;
      const name = ["var", row.symbol, row.name];
      const sign = ["op", row.was === "" ? "=" : "←"];
      lines.push(
        h(
          "div",
          { class: "itt-line", "data-name": row.name },
          h("div", { class: "itt-meaning" }, row.meaning, row.was === "" ? "" : h("div", { class: "it-sub" }, `was ${row.was}`)),
          h("div", { class: "itt-symbols" }, formula(name, sign, row.symbols)),
          h("div", { class: "itt-numbers" }, formula(["op", "="], row.numbers)),
          h("div", { class: "itt-result" }, formula(["op", "="], ["num", row.value, row.name])),
        ),
      );
    }
    const final = data.rows.at(-1);
    if (final.name === "dx") {
      const [before, , move, after] = data.words;
      const loose = (text) => (text.startsWith("−") ? ["row", ["op", "("], ["num", text, "dx"], ["op", ")"]] : ["num", text, "dx"]);
      lines.push(
        h(
          "div",
          { class: "itt-line itt-final", "data-name": "x" },
          h("div", { class: "itt-meaning" }, "the weight"),
          h("div", { class: "itt-symbols" }, formula(["var", "w", "x"], ["op", "←"], ["var", "w", "x"], ["op", "−"], ["var", "Δ", "dx"])),
          h("div", { class: "itt-numbers" }, formula(["op", "="], ["num", before, "x"], ["op", "−"], loose(move))),
          h("div", { class: "itt-result" }, formula(["op", "="], ["num", after, "x"])),
        ),
      );
    } else lines.push(h("div", { class: "itt-line itt-final" }, h("div", { class: "itt-meaning" }, "no step yet: gradients are gathered")));
    this.lines.replaceChildren(...lines);
  }

  choosers(data) {
    const key = JSON.stringify(data.paths);
    if (key !== this.key) {
      this.key = key;
      this.path.replaceChildren(...data.paths.map(({ path, shape }) => h("option", { value: path }, `${path}  ${shape.join(" × ")}`)));
    }
    if (document.activeElement !== this.path) this.path.value = data.path;
    const { shape } = data.paths.find((p) => p.path === data.path);
    if (this.shape !== `${data.path} ${shape}`) {
      this.shape = `${data.path} ${shape}`;
      this.boxes = shape.map((size, axis) => {
        const box = h("input", { type: "number", class: "it-box", min: 0, max: size - 1, step: 1, "aria-label": `Index ${axis + 1} of ${shape.length}, from 0 to ${size - 1}` });
        box.addEventListener("change", () => this.chosen(shape));
        return box;
      });
      this.index.replaceChildren("[", ...this.boxes.flatMap((box, i) => (i ? [", ", box] : [box])), "]");
    }
    this.boxes.forEach((box, i) => {
      if (document.activeElement !== box && box.value !== String(data.index[i])) box.value = data.index[i];
    });
  }

  chosen(shape) {
    const index = this.boxes.map((box) => Number(box.value));
    if (index.every((v, i) => Number.isInteger(v) && v >= 0 && v < shape[i])) this.card.choose("index", index);
    else this.card.say(`An index lies inside of ${shape.join(" × ")}, counted from 0.`, "error");
  }

  remember(data) {
    const key = `${data.path} ${data.index}`;
    if (key !== this.whose) [this.whose, this.past] = [key, []];
    const at = data.step - 1;
    if (this.past.length && this.past.at(-1)[0] >= at) {
      while (this.past.length && this.past.at(-1)[0] >= at) this.past.pop(); // rewound, or drawn anew
    }
    this.past.push([at, data.before]);
    if (this.past.length > REMEMBERED) this.past.shift();
    this.next = [data.step, data.after];
  }

  course(theme) {
    const points = [...this.past, this.next].filter(([, y]) => y !== null);
    if (!points.length) return;
    const [xs, ys] = [points.map((p) => p[0]), points.map((p) => p[1])];
    this.held = holdRange(this.held, Math.min(...ys), Math.max(...ys), false);
    const { curve } = this;
    const names = ["step", "w"];
    const margins = { left: theme.size * 7.4, right: theme.size * 1.6, top: 6, bottom: theme.size * 2.7 };
    if (!curve.begin({ x: [xs[0], Math.max(xs.at(-1), xs[0] + 10)], y: this.held, names, margins, grid: true }, theme)) return;
    const colour = theme.series[0];
    curve.polyline(xs.slice(0, -1), ys.slice(0, -1), colour, theme.line);
    curve.polyline(xs.slice(-2), ys.slice(-2), colour, theme.line, [3, 3]);
    curve.stamp(xs.at(-1), ys.at(-1), 0, colour, theme.back);
  }
}

export default {
  render({ model, el }) {
    return new TeachingCard(model, el, (card) => new Explained(card)).connect();
  },
};
