/* One Canvas2D chart: grid, bands, lines, marks, a dot, labels at the ends, a crosshair. */

import { mapping, linearTicks, logTicks } from "./scales.js";
import { short, grouped } from "./format.js";

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

export const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3], [4, 4], [12, 4]];

export class Chart {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.width = 0;
    this.height = 0;
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

  // model: {x: [low, high], y: [low, high], log, margins, bands, lines, marks, dots, ends, cross}
  draw(model, theme) {
    if (!this.resize()) return;
    const c = this.context;
    const { left, right, top, bottom } = model.margins;
    const box = { x0: left, x1: this.width - right, y0: top, y1: this.height - bottom };
    this.box = box;
    this.x = mapping(model.x[0], model.x[1], box.x0, box.x1);
    this.y = mapping(model.y[0], model.y[1], box.y1, box.y0, model.log);
    c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    c.clearRect(0, 0, this.width, this.height);
    c.font = `${theme.size}px ${theme.font}`;
    c.lineJoin = "round";
    this.grid(model, theme);
    c.save();
    c.beginPath();
    c.rect(box.x0, box.y0 - 2, box.x1 - box.x0 + 2, box.y1 - box.y0 + 4);
    c.clip();
    for (const band of model.bands ?? []) this.band(band);
    for (const line of model.lines) this.line(line);
    c.restore();
    for (const line of model.marks ?? []) this.mark(line, theme, model.numbered);
    for (const dot of model.dots ?? []) this.dot(dot, theme);
    if (model.cross !== null && model.cross !== undefined) this.cross(model, theme);
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
      c.fillText(short(tick, 2), x0 - 8, y);
    }
    c.textBaseline = "top";
    c.textAlign = "center";
    const columns = Math.max(2, Math.floor((x1 - x0) / (theme.size * 7)));
    for (const tick of linearTicks(...model.x, columns)) {
      const x = Math.round(this.x(tick)) + 0.5;
      c.moveTo(x, y0);
      c.lineTo(x, y1);
      if (!model.bare) c.fillText(grouped(tick), x, y1 + 6);
    }
    c.stroke();
    if (model.bare) return;
    c.textAlign = "right";
    c.fillText("step", this.width - 2, y1 + 6);
  }

  band({ xs, low, high, colour, alpha }) {
    const c = this.context;
    c.fillStyle = colour;
    c.globalAlpha = alpha;
    for (let from = 0; from < xs.length; ) {
      if (!(low[from] <= high[from])) {
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

  line({ xs, ys, colour, width, dash = [], alpha = 1, stairs = false, from = -Infinity }) {
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
    c.globalAlpha = 1;
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

  dot({ x, y, colour }, theme) {
    if (!Number.isFinite(y)) return;
    const c = this.context;
    c.beginPath();
    c.arc(this.x(x), this.y(y), theme.line + 2.5, 0, 7);
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

  // Labels beside the last points, moved apart where they would overlap.
  ends(ends, theme) {
    const c = this.context;
    const gap = theme.size * 2.3;
    const clamp = (y) => Math.min(this.box.y1 - gap / 2, Math.max(this.box.y0 + gap / 2, y));
    const placed = ends
      .filter((end) => Number.isFinite(end.y))
      .map((end) => ({ ...end, at: clamp(this.y(end.y)) }))
      .sort((a, b) => a.at - b.at);
    for (let i = 1; i < placed.length; i++) placed[i].at = Math.max(placed[i].at, placed[i - 1].at + gap);
    for (let i = placed.length - 2, floor = this.box.y1 - gap / 2; i >= -1; i--) {
      placed[i + 1].at = Math.min(placed[i + 1].at, floor);
      floor = placed[i + 1].at - gap;
    }
    c.textAlign = "left";
    c.textBaseline = "middle";
    c.lineWidth = 4;
    c.strokeStyle = theme.back;
    const lefts = placed.map((end) => this.x(end.x));
    const edge = Math.max(...lefts);
    placed.forEach(({ at, name, text, colour }, i) => {
      // Labels of curves that end together stand in one column, on ground of their own.
      const left = Math.min(edge - lefts[i] < 60 ? edge : lefts[i], this.box.x1) + 8;
      c.fillStyle = colour;
      const write = (words, y) => {
        c.strokeText(words, left, y);
        c.fillText(words, left, y);
      };
      write(name, at - theme.size * 0.55);
      c.font = `600 ${theme.size}px ${theme.font}`;
      write(text, at + theme.size * 0.6);
      c.font = `${theme.size}px ${theme.font}`;
    });
  }
}
