/* A plane with two axes on a canvas: picture, lines, marks, and a probe for pointer and keys. */

import { h, mark, put, show } from "../dom.js";
import { Chart } from "../chart.js";
import { linearTicks, mapping } from "../scales.js";
import { short } from "../format.js";

// Marks that differ by form as well as by colour, as SVG paths around 0, 0.
export const MARKS = [
  "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
  "M-3.6-3.6h7.2v7.2h-7.2z",
  "M0-4.8L4.6 3.4H-4.6z",
  "M0-5.2L5.2 0L0 5.2L-5.2 0z",
  "M-1.6-4.6h3.2v3h3v3.2h-3v3h-3.2v-3h-3v-3.2h3z",
  "M0 4.8L4.6-3.4H-4.6z",
  "M0-5.2L1.6-1.7L5.2-1.5L2.4.9L3.3 4.6L0 2.5L-3.3 4.6L-2.4.9L-5.2-1.5L-1.6-1.7z",
  "M-4.4-2.2L-2.2-4.4L0-2.2L2.2-4.4L4.4-2.2L2.2 0L4.4 2.2L2.2 4.4L0 2.2L-2.2 4.4L-4.4 2.2L-2.2 0z",
];

// Lines that differ by their dashes, too.
export const STROKES = [[], [7, 4], [2, 3], [9, 3, 2, 3], [4, 4], [12, 4]];

// A small picture of a mark, for a legend.
export function markSvg(number, colour) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  for (const [name, value] of [["viewBox", "-7 -7 14 14"], ["class", "itt-mark"], ["aria-hidden", "true"]]) svg.setAttribute(name, value);
  const path = svg.appendChild(document.createElementNS(space, "path"));
  path.setAttribute("d", MARKS[number % MARKS.length]);
  path.setAttribute("fill", colour);
  return svg;
}

// A tick with as many digits as tell it from its neighbours.
export function tickText(tick, ticks) {
  const step = ticks.length > 1 ? ticks[1] - ticks[0] : 0;
  const size = Math.max(...ticks.map(Math.abs));
  if (!step || size >= 1e5 || size < 1e-3) return short(tick);
  return tick.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9))).replace("-", "−");
}

// The red, green and blue of a colour as CSS writes it.
export function channels(colour) {
  const c = document.createElement("canvas").getContext("2d");
  c.fillStyle = colour;
  const found = c.fillStyle;
  if (found.startsWith("#")) return [1, 3, 5].map((at) => parseInt(found.slice(at, at + 2), 16));
  return found.match(/[\d.]+/g).slice(0, 3).map(Number);
}

export class Plane extends Chart {
  // Set the box and the scales, draw axes; false while the canvas has no size.
  begin({ x, y, names, margins, grid = false }, theme) {
    if (!this.resize()) return false;
    const size = theme.size;
    const { left, right, top, bottom } = margins ?? { left: size * 3.6, right: size * 1.2, top: 6, bottom: size * 2.8 };
    const box = { x0: left, x1: this.width - right, y0: top, y1: this.height - bottom };
    this.box = box;
    this.x = mapping(x[0], x[1], box.x0, box.x1);
    this.y = mapping(y[0], y[1], box.y1, box.y0);
    const c = this.context;
    c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    c.clearRect(0, 0, this.width, this.height);
    c.font = `${size}px ${theme.font}`;
    c.fillStyle = theme.muted;
    c.textAlign = "center";
    c.textBaseline = "top";
    const columns = linearTicks(x[0], x[1], Math.max(2, (box.x1 - box.x0) / (size * 7)));
    for (const tick of columns) c.fillText(tickText(tick, columns), this.x(tick), box.y1 + 5);
    c.textAlign = "right";
    c.textBaseline = "middle";
    const rows = linearTicks(y[0], y[1], Math.max(2, (box.y1 - box.y0) / (size * (grid ? 2.6 : 4))));
    for (const tick of rows) c.fillText(tickText(tick, rows), box.x0 - 6, this.y(tick));
    if (grid) {
      c.strokeStyle = theme.grid;
      c.lineWidth = 1;
      c.beginPath();
      for (const tick of rows) {
        c.moveTo(box.x0, Math.round(this.y(tick)) + 0.5);
        c.lineTo(box.x1, Math.round(this.y(tick)) + 0.5);
      }
      c.stroke();
    }
    c.fillStyle = theme.text;
    c.textBaseline = "bottom";
    c.textAlign = "right";
    c.fillText(names[0], box.x1, this.height - 1);
    c.textAlign = "left";
    c.textBaseline = "top";
    c.fillText(names[1], 2, box.y0);
    return true;
  }

  inside(work) {
    const c = this.context;
    const { x0, x1, y0, y1 } = this.box;
    c.save();
    c.beginPath();
    c.rect(x0, y0, x1 - x0, y1 - y0);
    c.clip();
    work(c);
    c.restore();
  }

  // Paint a grid of colours over the whole box; `colour(i)` gives red, green, blue, alpha.
  shade(columns, rows, colour) {
    this.sheet ??= document.createElement("canvas");
    [this.sheet.width, this.sheet.height] = [columns, rows];
    const context = this.sheet.getContext("2d");
    const image = context.createImageData(columns, rows);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const from = row * columns + column;
        // Row 0 lies at the bottom.
        image.data.set(colour(from), 4 * ((rows - 1 - row) * columns + column));
      }
    }
    context.putImageData(image, 0, 0);
    const { x0, x1, y0, y1 } = this.box;
    // Grid points lie on the edges of the box, pixels around them.
    const [w, height] = [(x1 - x0) / (columns - 1), (y1 - y0) / (rows - 1)];
    this.inside((c) => {
      c.imageSmoothingEnabled = true;
      c.imageSmoothingQuality = "high";
      c.drawImage(this.sheet, x0 - w / 2, y0 - height / 2, x1 - x0 + w, y1 - y0 + height);
    });
  }

  // Pieces of straight line, four numbers each.
  pieces(data, colour, width) {
    this.inside((c) => {
      c.strokeStyle = colour;
      c.lineWidth = width;
      c.lineCap = "round";
      c.beginPath();
      for (let i = 0; i < data.length; i += 4) {
        c.moveTo(this.x(data[i]), this.y(data[i + 1]));
        c.lineTo(this.x(data[i + 2]), this.y(data[i + 3]));
      }
      c.stroke();
    });
  }

  polyline(xs, ys, colour, width, dash = []) {
    this.inside((c) => {
      c.strokeStyle = colour;
      c.lineWidth = width;
      c.setLineDash(dash);
      c.beginPath();
      xs.forEach((x, i) => c.lineTo(this.x(x), this.y(ys[i])));
      c.stroke();
      c.setLineDash([]);
    });
  }

  stamp(x, y, number, colour, edge, scale = 1, ring = null) {
    const c = this.context;
    c.save();
    c.translate(this.x(x), this.y(y));
    c.scale(scale, scale);
    const path = new Path2D(MARKS[number % MARKS.length]);
    c.lineJoin = "round";
    c.lineWidth = 2.4;
    c.strokeStyle = edge;
    c.stroke(path);
    c.fillStyle = colour;
    c.fill(path);
    if (ring) {
      c.beginPath();
      c.arc(0, 0, 7.5, 0, 7);
      c.lineWidth = 1.6;
      c.strokeStyle = ring;
      c.stroke();
    }
    c.restore();
  }
}

// A probe over a plane: pointer or arrow keys move it, `tell(x, y)` says what is there.
export class Probe {
  constructor(card, plane, label, tell) {
    [this.card, this.plane, this.tell] = [card, plane, tell];
    this.tip = h("div", { class: "it-tip", hidden: true });
    this.el = h("div", { class: "itt-probe", tabindex: "0", role: "group", "aria-label": label, "data-lm-suppress-shortcuts": "true" }, plane.canvas, this.tip);
    const { canvas } = plane;
    canvas.addEventListener("pointermove", (event) => {
      const { x0, x1, y0, y1 } = plane.box ?? {};
      const { offsetX: px, offsetY: py } = event;
      if (px >= x0 && px <= x1 && py >= y0 && py <= y1) this.put(plane.x.invert(px), plane.y.invert(py));
      else this.hide();
    });
    canvas.addEventListener("pointerleave", () => this.hide());
    this.el.addEventListener("keydown", (event) => this.press(event));
    this.el.addEventListener("blur", () => this.hide());
  }

  press(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (event.key === "Escape") this.hide();
    if (!step || !this.plane.box) return;
    event.preventDefault();
    const { x, y, box } = this.plane;
    const at = this.at ?? [x.invert((box.x0 + box.x1) / 2), y.invert((box.y0 + box.y1) / 2)];
    const far = event.shiftKey ? 40 : 8;
    const px = Math.min(box.x1, Math.max(box.x0, x(at[0]) + far * step[0]));
    const py = Math.min(box.y1, Math.max(box.y0, y(at[1]) - far * step[1]));
    this.put(x.invert(px), y.invert(py));
    clearTimeout(this.saying);
    this.saying = setTimeout(() => put(this.card.live, this.tip.textContent), 300);
  }

  put(x, y) {
    this.at = [x, y];
    this.card.redraw();
  }

  hide() {
    this.at = null;
    show(this.tip, false);
    this.card.redraw();
  }

  // Draw the probe on top of the picture.
  draw(theme) {
    const { at, plane, tip } = this;
    if (!at || !plane.box) return;
    const lines = this.tell(at[0], at[1]);
    show(tip, lines !== null);
    if (lines === null) return;
    const text = lines.join("\n");
    if (tip.textContent !== lines.join("")) tip.replaceChildren(...lines.map((line) => h("div", {}, line)));
    mark(tip, "data-text", text);
    const [px, py] = [plane.x(at[0]), plane.y(at[1])];
    const c = plane.context;
    c.strokeStyle = theme.text;
    c.lineWidth = 1.5;
    c.beginPath();
    c.arc(px, py, 6, 0, 7);
    c.stroke();
    const flip = px > plane.width * 0.6;
    tip.style.transform = `translate(${Math.round(flip ? px - tip.offsetWidth - 12 : px + 12)}px, ${Math.round(Math.max(0, py - tip.offsetHeight - 6))}px)`;
  }
}
