/* One chart: grid, axis titles, bands, lines, marks, dots, labels at the ends, a crosshair. */

import { mapping, linearTicks, logTicks, apart, columnsOf } from "./scales.js";
import { short, grouped } from "./format.js";

const APART = 5; // radii between two rings of a line

// The colours and the font that hold in the page's theme.
export function readTheme(root) {
  const style = getComputedStyle(root);
  const get = (name) => style.getPropertyValue(`--it-${name}`).trim();
  return {
    text: get("text"),
    muted: get("muted"),
    grid: get("grid"),
    back: get("back"),
    rule: get("rule"),
    series: [0, 1, 2, 3, 4, 5].map((i) => get(`series${i}`)),
    font: style.fontFamily,
    size: parseFloat(style.getPropertyValue("--it-chart-font")) || 12,
    line: parseFloat(style.getPropertyValue("--it-line")) || 2,
  };
}

// Drawing on any context: the canvas of a page, one for a picture file, or SvgContext.
export class Painter {
  constructor(context) {
    this.context = context;
  }

  // model: {x: [low, high], y: [low, high], log, logX, title, margins, bands, lines, marks, dots, ends, cross, select}
  paint(width, height, model, theme) {
    const c = this.context;
    [this.width, this.height] = [width, height];
    const { left, right, top, bottom } = model.margins;
    const box = { x0: left, x1: width - right, y0: top, y1: height - bottom };
    this.box = box;
    this.x = mapping(model.x[0], model.x[1], box.x0, box.x1, model.logX);
    this.y = mapping(model.y[0], model.y[1], box.y1, box.y0, model.log);
    c.font = `${theme.size}px ${theme.font}`;
    c.lineJoin = "round";
    this.grid(model, theme);
    c.save();
    c.beginPath();
    c.rect(box.x0, box.y0 - 2, box.x1 - box.x0 + 2, box.y1 - box.y0 + 4);
    c.clip();
    for (const band of model.bands ?? []) this.band(band);
    for (const line of model.lines) this.line(line, theme);
    if (model.select) this.select(model.select, theme);
    c.restore();
    for (const line of model.marks ?? []) this.mark(line, theme, model.numbered);
    if (model.cross !== null && model.cross !== undefined) this.cross(model, theme);
    for (const dot of model.dots ?? []) this.dot(dot, theme);
    this.ends(model.ends ?? [], theme);
  }

  grid(model, theme) {
    const c = this.context;
    const { x0, x1, y0, y1 } = this.box;
    const lines = Math.max(2, Math.floor((y1 - y0) / (theme.size * 2.6)));
    const ticks = model.log ? logTicks(...model.y, lines) : linearTicks(...model.y, lines);
    c.lineWidth = 1;
    c.textBaseline = "middle";
    c.textAlign = "right";
    c.fillStyle = theme.muted;
    c.strokeStyle = theme.grid;
    c.beginPath();
    for (const tick of ticks) {
      const y = Math.round(this.y(tick)) + 0.5;
      c.moveTo(x0, y);
      c.lineTo(x1, y);
      c.fillText(short(tick, 3), x0 - 8, y);
    }
    c.textBaseline = "top";
    c.textAlign = "center";
    const columns = Math.max(2, Math.floor((x1 - x0) / (theme.size * 7)));
    for (const tick of model.logX ? logTicks(...model.x, columns) : linearTicks(...model.x, columns)) {
      const x = Math.round(this.x(tick)) + 0.5;
      c.moveTo(x, y0);
      c.lineTo(x, y1);
      if (!model.bare) c.fillText(grouped(tick), x, y1 + 6);
    }
    c.stroke();
    if (!model.bare) {
      c.textAlign = "right";
      c.fillText("step", this.width - 2, y1 + 6);
    }
    c.save();
    c.translate(2, (y0 + y1) / 2);
    c.rotate(-Math.PI / 2);
    c.textAlign = "center";
    const room = this.height / (theme.size * 0.5);
    c.fillText(model.title.length > room ? model.title.replace(/ \(.*/, "") : model.title, 0, 0);
    c.restore();
  }

  // The range that is being chosen.
  select([from, to], theme) {
    const c = this.context;
    const [a, b] = [this.x(from), this.x(to)];
    c.fillStyle = theme.text;
    c.globalAlpha = 0.12;
    c.fillRect(Math.min(a, b), this.box.y0, Math.abs(b - a), this.box.y1 - this.box.y0);
    c.globalAlpha = 0.5;
    for (const x of [a, b]) c.fillRect(Math.round(x), this.box.y0, 1, this.box.y1 - this.box.y0);
    c.globalAlpha = 1;
  }

  band({ xs, low, high, colour, alpha, from: first = -Infinity }) {
    const c = this.context;
    c.fillStyle = colour;
    c.globalAlpha = alpha;
    for (let from = 0; from < xs.length; ) {
      if (!(low[from] <= high[from]) || xs[from] < first) {
        from++;
        continue;
      }
      let to = from;
      while (to < xs.length && low[to] <= high[to]) to++;
      c.beginPath();
      for (let i = from; i < to; i++) c.lineTo(this.x(xs[i]), this.y(high[i]) - 0.5);
      for (let i = to - 1; i >= from; i--) c.lineTo(this.x(xs[i]), this.y(low[i]) + 0.5);
      c.fill();
      from = to;
    }
    c.globalAlpha = 1;
  }

  // With `rings` of that radius where it was measured, as far as they can be told apart.
  line({ xs, ys, colour, width, dash = [], alpha = 1, stairs = false, from = -Infinity, rings = 0 }, theme) {
    const c = this.context;
    c.strokeStyle = colour;
    c.lineWidth = width;
    c.globalAlpha = alpha;
    c.setLineDash(dash);
    c.beginPath();
    let last = null;
    for (let i = 0; i < xs.length; i++) {
      if (!Number.isFinite(ys[i]) || xs[i] < from) {
        last = null;
        continue;
      }
      const [x, y] = [this.x(xs[i]), this.y(ys[i])];
      if (last === null) c.moveTo(x, y);
      else {
        if (stairs) c.lineTo(x, last);
        c.lineTo(x, y);
      }
      last = y;
    }
    c.stroke();
    c.setLineDash([]);
    if (rings) this.rings(xs, ys, from, rings, theme);
    c.globalAlpha = 1;
  }

  rings(xs, ys, from, radius, theme) {
    const c = this.context;
    let last = -Infinity;
    c.fillStyle = theme.back;
    c.lineWidth = 1.5;
    c.beginPath();
    for (let i = 0; i < xs.length; i++) {
      const x = this.x(xs[i]);
      if (!Number.isFinite(ys[i]) || xs[i] < from || x - last < APART * radius) continue;
      c.moveTo(x + radius, this.y(ys[i]));
      c.arc(x, this.y(ys[i]), radius, 0, 7);
      last = x;
    }
    c.fill();
    c.stroke();
  }

  mark({ at, text, faded }, theme, numbered) {
    const c = this.context;
    const x = Math.round(this.x(at)) + 0.5;
    if (x < this.box.x0 || x > this.box.x1 + 1) return;
    const radius = theme.size * 0.72;
    c.strokeStyle = theme.rule;
    c.globalAlpha = faded ? 0.4 : 1;
    c.lineWidth = 1;
    c.beginPath();
    c.moveTo(x, numbered ? radius * 2 + 2 : 0);
    c.lineTo(x, this.box.y1);
    c.stroke();
    if (numbered) {
      const half = Math.max(radius, c.measureText(text).width / 2 + 4);
      c.fillStyle = theme.back;
      c.beginPath();
      c.roundRect(x - half, 1.5, half * 2, radius * 2, radius);
      c.fill();
      c.stroke();
      c.fillStyle = theme.text;
      c.textAlign = "center";
      c.textBaseline = "middle";
      c.fillText(text, x, radius + 2);
    }
    c.globalAlpha = 1;
  }

  dot({ x, y, colour, radius }, theme) {
    const { x0, x1 } = this.box;
    if (!Number.isFinite(y) || this.x(x) < x0 - 1 || this.x(x) > x1 + 1) return;
    const c = this.context;
    c.beginPath();
    c.arc(this.x(x), this.y(y), radius ?? theme.line + 2.5, 0, 7);
    c.fillStyle = colour;
    c.fill();
    c.lineWidth = 1.5;
    c.strokeStyle = theme.back;
    c.stroke();
  }

  cross(model, theme) {
    const c = this.context;
    const x = Math.round(this.x(model.cross)) + 0.5;
    if (x < this.box.x0 || x > this.box.x1) return;
    c.strokeStyle = theme.text;
    c.globalAlpha = 0.5;
    c.beginPath();
    c.moveTo(x, this.box.y0);
    c.lineTo(x, this.box.y1);
    c.stroke();
    c.globalAlpha = 1;
  }

  // Labels beside the last points, moved apart where they would overlap; names alone where many
  // curves end. Labels of curves that end together stand in one column.
  ends(ends, theme) {
    const c = this.context;
    const { y0, y1, x1 } = this.box;
    const edge = Math.min(Math.max(...ends.map((end) => this.x(end.x))), x1);
    const labels = ends.filter((end) => Number.isFinite(end.y)).map((end) => {
      const x = Math.min(this.x(end.x), x1);
      const left = (edge - x < 60 ? edge : x) + 8;
      const name = this.clipped(end.name, this.width - left);
      return { ...end, name, left, right: left + Math.max(c.measureText(name).width, c.measureText(end.text).width * 1.1) + 8, at: this.y(end.y) };
    });
    c.textAlign = "left";
    c.textBaseline = "middle";
    c.lineWidth = 4;
    c.strokeStyle = theme.back;
    for (const column of columnsOf(labels)) {
      const tall = column.length * theme.size * 2.3 <= y1 - y0;
      column.sort((a, b) => a.at - b.at);
      apart(column.map((label) => label.at), y0, y1, theme.size * (tall ? 2.3 : 1.2)).forEach((at, i) => {
        const { left, name, text, colour } = column[i];
        c.fillStyle = colour;
        const write = (words, y) => {
          c.strokeText(words, left, y);
          c.fillText(words, left, y);
        };
        if (!tall) return write(name, at);
        write(name, at - theme.size * 0.55);
        c.font = `600 ${theme.size}px ${theme.font}`;
        write(text, at + theme.size * 0.6);
        c.font = `${theme.size}px ${theme.font}`;
      });
    }
  }

  // A name that fits.
  clipped(name, width) {
    const c = this.context;
    if (c.measureText(name).width <= width) return name;
    let end = name.length - 1;
    while (end > 1 && c.measureText(`${name.slice(0, end)}…`).width > width) end--;
    return `${name.slice(0, end)}…`;
  }
}

// The chart of a canvas on the page.
export class Chart extends Painter {
  constructor(canvas) {
    super(canvas.getContext("2d"));
    this.canvas = canvas;
  }

  // Fit the bitmap to the element and to the pixels of the screen.
  resize() {
    const ratio = window.devicePixelRatio || 1;
    const { clientWidth: w, clientHeight: h } = this.canvas;
    if (!w || !h) return false;
    if (this.canvas.width !== Math.round(w * ratio) || this.canvas.height !== Math.round(h * ratio)) {
      this.canvas.width = Math.round(w * ratio);
      this.canvas.height = Math.round(h * ratio);
    }
    [this.width, this.height, this.ratio] = [w, h, ratio];
    return true;
  }

  draw(model, theme) {
    if (!this.resize()) return;
    this.model = model;
    this.context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    this.context.clearRect(0, 0, this.width, this.height);
    this.paint(this.width, this.height, model, theme);
  }
}
