/* The race: the page plays tracks that Python walked; a moved start or rate asks for new ones. */

import { h, mark, put, chip } from "../dom.js";
import { Chart } from "../chart.js";
import { holdRange } from "../scales.js";
import { grouped, short } from "../format.js";
import { keyed, parseNumber, toPosition, toValue } from "../slider.js";
import { TeachingCard, pictureCanvas } from "./view.js";
import { Plane, STROKES, channels, markSvg } from "./plane.js";

const SPEEDS = [10, 30, 120]; // steps a second
const ASK_EVERY = 90; // ms between two wishes of a drag
const LOWEST = 1e-8; // of a logarithmic axis of heights

// Sends the newest of many wishes, at most one in `ASK_EVERY` ms.
export function newestOf(send) {
  let [next, timer] = [null, null];
  const tick = () => {
    const now = next;
    [next, timer] = [null, null];
    if (!now) return;
    send(...now);
    timer = setTimeout(tick, ASK_EVERY);
  };
  return (...wish) => {
    next = wish;
    if (!timer) tick();
  };
}

// The learning rate of one rule: slider and number box.
class Rate {
  constructor(name, range, ask) {
    this.range = { ...range, log: true };
    const label = `Learning rate of ${name}`;
    this.slider = h("input", { type: "range", class: "it-slider", min: "0", max: "1", step: "any", "aria-label": label });
    this.box = h("input", { type: "text", inputmode: "decimal", class: "it-box", "aria-label": `${label}, as a number` });
    this.ask = (value) => {
      this.put(value);
      this.touched = Date.now();
      ask(value);
    };
    this.slider.addEventListener("input", () => this.ask(toValue(this.range, Number(this.slider.value))));
    this.slider.addEventListener("keydown", (event) => {
      const value = keyed(this.range, this.shown, event.key);
      if (value === null || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      this.ask(value);
    });
    const typed = () => {
      const value = parseNumber(this.box.value);
      if (value >= 0 && Number.isFinite(value)) this.ask(value);
      else this.put(this.shown);
    };
    this.box.addEventListener("change", typed);
    this.el = h("div", { class: "itt-rate" }, this.slider, this.box);
  }

  put(value) {
    this.shown = value;
    this.slider.value = toPosition(this.range, value);
    this.box.value = short(value);
    mark(this.slider, "aria-valuetext", short(value));
  }

  update(value) {
    const busy = Date.now() - (this.touched ?? 0) < 600 || document.activeElement === this.box;
    if (!busy && value !== this.shown) this.put(value);
  }
}

class Race {
  constructor(card) {
    this.card = card;
    this.at = Infinity; // step that is shown
    this.speed = SPEEDS[1];
    const button = (text, onclick, more = "") => h("button", { type: "button", class: `it-button ${more}`, onclick }, text);
    this.play = button("Play", () => this.run(!this.playing), "it-primary it-toggle");
    this.one = button("Step", () => this.go(this.at >= this.steps ? 0 : Math.floor(this.at) + 1));
    this.again = button("To the start", () => this.go(0));
    this.speeds = SPEEDS.map((speed) => ({ speed, el: chip(`${speed}/s`, `${speed} steps a second`, () => this.pace(speed)) }));
    this.scrub = h("input", { type: "range", class: "it-slider", min: "0", step: "1", "aria-label": "Step" });
    this.scrub.addEventListener("input", () => this.go(Number(this.scrub.value)));
    this.count = h("span", { class: "it-sub it-number itt-count" });
    card.tools.append(this.play, this.one, this.again, h("div", { class: "it-group", role: "group", "aria-label": "Speed" }, ...this.speeds.map((s) => s.el)));
    this.plane = new Plane(pictureCanvas(card.config.look === "lecture" ? 460 : 380));
    this.area = h("div", { class: "itt-probe itt-ground", tabindex: "0", role: "group", "aria-label": "Start point: arrow keys move it, shift moves far", "data-lm-suppress-shortcuts": "true" }, this.plane.canvas);
    this.curve = new Chart(pictureCanvas(150));
    this.legend = h("div", { class: "itt-legend" });
    this.name = h("div", { class: "itt-name" });
    const left = h("div", {}, this.area, h("div", { class: "itt-scrub" }, this.scrub, this.count));
    card.body.append(h("div", { class: "itt-split itt-race" }, left, h("div", { class: "itt-aside" }, this.name, this.legend, this.curve.canvas)));
    this.askStart = newestOf((x, y) => card.choose("start", [x, y]));
    this.askRate = newestOf((rule, value) => card.choose("lr", [rule, value]));
    this.pace(this.speed);
    this.listen();
  }

  listen() {
    const { canvas } = this.plane;
    const here = (event) => this.move(this.plane.x.invert(event.offsetX), this.plane.y.invert(event.offsetY));
    canvas.addEventListener("pointerdown", (event) => {
      if (!this.plane.box || event.button) return;
      canvas.setPointerCapture(event.pointerId);
      this.dragging = true;
      here(event);
    });
    canvas.addEventListener("pointermove", (event) => this.dragging && here(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (this.dragging = false));
    this.area.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (event.key === " " || event.key === "Enter") this.run(!this.playing);
      else if (step && this.frame) {
        const { x, y } = this.frame.data;
        const part = event.shiftKey ? 0.08 : 0.01;
        const [sx, sy] = this.start;
        this.move(sx + part * step[0] * (x[1] - x[0]), sy + part * step[1] * (y[1] - y[0]));
      } else return;
      event.preventDefault();
    });
  }

  move(x, y) {
    const { data } = this.frame;
    const into = (v, [low, high]) => Math.min(high, Math.max(low, Number(v.toPrecision(4))));
    this.start = [into(x, data.x), into(y, data.y)];
    this.moved = Date.now();
    this.at = Infinity;
    this.run(false);
    this.askStart(...this.start);
    this.card.redraw();
    clearTimeout(this.saying);
    this.saying = setTimeout(() => put(this.card.live, `Start at ${short(this.start[0])}, ${short(this.start[1])}`), 500);
  }

  pace(speed) {
    this.speed = speed;
    for (const s of this.speeds) mark(s.el, "aria-pressed", s.speed === speed);
  }

  go(step) {
    this.run(false);
    this.at = Math.min(step, this.steps);
    this.card.redraw();
  }

  run(on) {
    if (on === Boolean(this.playing)) return;
    put(this.play, on ? "Pause" : "Play");
    if (!on) {
      clearInterval(this.playing);
      this.playing = null;
      return;
    }
    if (this.at >= this.steps) this.at = 0;
    let last = performance.now();
    // Less motion: the same pace in two pictures a second.
    this.playing = setInterval(() => {
      const now = performance.now();
      this.at = Math.min(this.steps, this.at + ((now - last) / 1000) * this.speed);
      last = now;
      if (this.at >= this.steps) this.run(false);
      this.card.redraw();
    }, this.card.calm.matches ? 500 : 33);
  }

  remove() {
    this.run(false);
  }

  draw(frame, theme) {
    const { data } = frame;
    this.frame = frame;
    this.steps = data.steps;
    if (!this.dragging && Date.now() - (this.moved ?? 0) > 700) this.start = data.start;
    const at = Math.floor(Math.min(this.at, data.steps));
    const colours = data.rules.map((_, i) => theme.series[i % theme.series.length]);
    put(this.name, data.surface);
    this.list(frame, colours, at);
    mark(this.scrub, "max", data.steps);
    this.scrub.value = at;
    mark(this.scrub, "aria-valuetext", `step ${at} of ${data.steps}`);
    put(this.count, `step ${grouped(at)} of ${grouped(data.steps)}`);
    mark(this.card.root, "data-shown", at);
    this.ground(frame, theme, colours, at);
    this.heights(frame, theme, colours, at);
  }

  ground({ data, arrays }, theme, colours, at) {
    const { plane } = this;
    if (!plane.begin({ x: data.x, y: data.y, names: ["x", "y"] }, theme)) return;
    const [rows, columns] = arrays.heat.shape;
    const deep = channels(theme.series[0]);
    plane.shade(columns, rows, (i) => [...deep, 95 * (1 - arrays.heat.data[i] / 255)]);
    plane.pieces(this.inPlace(arrays.lines.data, data), theme.grid.replace(/[\d.]+\)$/, "0.28)"), 1);
    const length = data.steps + 1;
    plane.inside((c) => {
      c.strokeStyle = theme.text;
      c.lineWidth = 1.6;
      for (const [x, y] of data.minima) {
        const [px, py] = [plane.x(x), plane.y(y)];
        c.beginPath();
        for (const [dx, dy] of [[6, 0], [0, 6]]) {
          c.moveTo(px - dx, py - dy);
          c.lineTo(px + dx, py + dy);
        }
        c.stroke();
      }
      c.lineJoin = "round";
      data.rules.forEach((_, r) => {
        for (const [colour, width] of [[theme.back, theme.line + 2], [colours[r], theme.line]]) {
          c.strokeStyle = colour;
          c.lineWidth = width;
          c.setLineDash(width === theme.line ? STROKES[r % STROKES.length] : []);
          c.globalAlpha = width === theme.line ? 1 : 0.55;
          c.beginPath();
          for (let i = 0; i <= at; i++) {
            const from = 2 * (r * length + i);
            const [x, y] = [arrays.points.data[from], arrays.points.data[from + 1]];
            if (!Number.isFinite(x)) break;
            // A wild step leads far out of the bitmap; the line is cut there.
            c.lineTo(Math.max(-1e4, Math.min(1e4, plane.x(x))), Math.max(-1e4, Math.min(1e4, plane.y(y))));
          }
          c.stroke();
        }
      });
      c.setLineDash([]);
      c.globalAlpha = 1;
      data.rules.forEach((rule, r) => {
        const from = 2 * (r * length + Math.min(at, Math.max(0, rule.length)));
        plane.stamp(arrays.points.data[from], arrays.points.data[from + 1], r, colours[r], theme.back, 1.25);
      });
      const [sx, sy] = this.start;
      c.beginPath();
      c.arc(plane.x(sx), plane.y(sy), 8, 0, 7);
      c.lineWidth = 2.5;
      c.strokeStyle = theme.text;
      c.stroke();
    });
  }

  // Contour lines come in parts of the picture; worked out once for each surface.
  inPlace(lines, { x, y, surface }) {
    const key = `${surface} ${x} ${y} ${lines.length}`;
    if (key !== this.placed) {
      this.placed = key;
      const scale = [x, y].map(([low, high]) => [low, (high - low) / 65535]);
      this.lines = Float32Array.from(lines, (v, i) => scale[i % 2][0] + scale[i % 2][1] * v);
    }
    return this.lines;
  }

  heights({ data, arrays }, theme, colours, at) {
    const length = data.steps + 1;
    const all = arrays.values.data;
    let [low, high] = [Infinity, -Infinity];
    for (const v of all) if (Number.isFinite(v)) [low, high] = [Math.min(low, v), Math.max(high, v)];
    const log = low >= 0 && high > 0;
    const floor = Math.max(low, high * LOWEST);
    if (log !== this.log) this.held = null;
    this.log = log;
    this.held = holdRange(this.held, log ? floor : Math.max(low, -50), Math.min(high, log ? Infinity : 50), log);
    const xs = Float64Array.from({ length }, (_, i) => i);
    const lines = data.rules.map((_, r) => {
      const ys = all.subarray(r * length, r * length + at + 1);
      return {
        xs: xs.subarray(0, at + 1),
        ys: log ? ys.map((v) => Math.max(v, this.held[0])) : ys,
        colour: colours[r],
        width: theme.line,
        dash: STROKES[r % STROKES.length],
      };
    });
    const dots = data.rules.map((rule, r) => {
      const i = Math.min(at, Math.max(0, rule.length));
      return { x: i, y: lines[r].ys[i], colour: colours[r] };
    });
    const margins = { left: theme.size * 5, right: theme.size * 4.2, top: 8, bottom: theme.size * 1.9 };
    this.curve.draw({ x: [0, data.steps], y: this.held, log, title: "height", margins, lines, dots }, theme);
  }

  list({ data, arrays }, colours, at) {
    const key = JSON.stringify([colours, data.rules.map((r) => [r.name, r.rule, r.low])]);
    if (key !== this.key) {
      this.key = key;
      this.cells = data.rules.map((rule, i) => {
        const value = h("span", { class: "it-number itt-height" });
        const rate = rule.lr === null ? null : new Rate(rule.name, rule, (v) => this.askRate(i, v));
        const kind = rule.rule === rule.name ? "" : rule.rule;
        const title = h("span", {}, rule.name, h("span", { class: "it-sub" }, kind && ` ${kind}`));
        return { value, rate, el: h("div", { class: "itt-entry itt-rule", "data-rule": rule.name }, markSvg(i, colours[i]), title, value, rate ? rate.el : "") };
      });
      this.legend.replaceChildren(...this.cells.map((c) => c.el));
    }
    const length = data.steps + 1;
    data.rules.forEach((rule, r) => {
      const left = at > rule.length;
      put(this.cells[r].value, left ? `left at ${rule.length + 1}` : short(arrays.values.data[r * length + at]));
      this.cells[r].rate?.update(rule.lr);
    });
  }
}

export default {
  render({ model, el }) {
    return new TeachingCard(model, el, (card) => new Race(card)).connect();
  },
};
