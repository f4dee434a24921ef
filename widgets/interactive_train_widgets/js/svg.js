/* A drawing context that writes SVG: as much of Canvas2D as chart.js uses. Pure. */

const escaped = (text) => String(text).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
const near = (value) => Math.round(value * 100) / 100;

export class SvgContext {
  constructor(width, height) {
    [this.width, this.height] = [width, height];
    this.parts = [];
    this.stack = [];
    this.clips = 0;
    Object.assign(this, {
      fillStyle: "#000", strokeStyle: "#000", lineWidth: 1, globalAlpha: 1, font: "12px sans-serif",
      textAlign: "left", textBaseline: "alphabetic", lineJoin: "round", dash: [], moves: "", clipped: "",
    });
    this.path = "";
  }

  save() {
    const { fillStyle, strokeStyle, lineWidth, globalAlpha, font, textAlign, textBaseline, dash, moves, clipped } = this;
    this.stack.push({ fillStyle, strokeStyle, lineWidth, globalAlpha, font, textAlign, textBaseline, dash, moves, clipped });
  }

  restore() {
    Object.assign(this, this.stack.pop());
  }

  translate(x, y) {
    this.moves += `translate(${near(x)} ${near(y)})`;
  }

  rotate(angle) {
    this.moves += `rotate(${near((angle * 180) / Math.PI)})`;
  }

  setLineDash(dash) {
    this.dash = dash;
  }

  beginPath() {
    this.path = "";
  }

  moveTo(x, y) {
    this.path += `M${near(x)} ${near(y)}`;
  }

  lineTo(x, y) {
    this.path += `${this.path ? "L" : "M"}${near(x)} ${near(y)}`;
  }

  rect(x, y, w, h) {
    this.path += `M${near(x)} ${near(y)}h${near(w)}v${near(h)}h${near(-w)}z`;
  }

  roundRect(x, y, w, h, r) {
    const [i, j] = [near(w - 2 * r), near(h - 2 * r)];
    const arc = (dx, dy) => `a${near(r)} ${near(r)} 0 0 1 ${near(dx)} ${near(dy)}`;
    this.path += `M${near(x + r)} ${near(y)}h${i}${arc(r, r)}v${j}${arc(-r, r)}h${-i}${arc(-r, -r)}v${-j}${arc(r, -r)}z`;
  }

  // Whole circles only.
  arc(x, y, r) {
    const half = (dx) => `a${near(r)} ${near(r)} 0 1 1 ${near(dx)} 0`;
    this.path += `M${near(x - r)} ${near(y)}${half(2 * r)}${half(-2 * r)}z`;
  }

  clip() {
    const id = `clip${++this.clips}`;
    this.parts.push(`<clipPath id="${id}"><path d="${this.path}"${this.moved()}/></clipPath>`);
    this.clipped = ` clip-path="url(#${id})"`;
  }

  moved() {
    return this.moves && ` transform="${this.moves}"`;
  }

  put(body, paint, text = null) {
    const alpha = this.globalAlpha < 1 ? ` opacity="${near(this.globalAlpha)}"` : "";
    const shape = `<${body} ${paint}${alpha}${this.moved()}${text === null ? "/>" : `>${escaped(text)}</text>`}`;
    this.parts.push(this.clipped ? `<g${this.clipped}>${shape}</g>` : shape);
  }

  pen() {
    const dash = this.dash.length ? ` stroke-dasharray="${this.dash.join(" ")}"` : "";
    return `fill="none" stroke="${escaped(this.strokeStyle)}" stroke-width="${near(this.lineWidth)}" stroke-linejoin="round"${dash}`;
  }

  ink() {
    return `fill="${escaped(this.fillStyle)}"`;
  }

  stroke() {
    if (this.path) this.put(`path d="${this.path}"`, this.pen());
  }

  fill() {
    if (this.path) this.put(`path d="${this.path}"`, this.ink());
  }

  fillRect(x, y, w, h) {
    this.put(`rect x="${near(x)}" y="${near(y)}" width="${near(w)}" height="${near(h)}"`, this.ink());
  }

  write(text, x, y, paint) {
    const [, weight, size, family] = /^(?:(\d+) )?([\d.]+)px (.*)$/.exec(this.font);
    const anchor = { left: "start", center: "middle", right: "end" }[this.textAlign];
    const down = { top: 0.8, middle: 0.35, alphabetic: 0 }[this.textBaseline] * size;
    const bold = weight ? ` font-weight="${weight}"` : "";
    this.put(
      `text x="${near(x)}" y="${near(y + down)}" font-family="${escaped(family)}" font-size="${size}"${bold} text-anchor="${anchor}"`,
      paint, text,
    );
  }

  fillText(text, x, y) {
    this.write(text, x, y, this.ink());
  }

  strokeText(text, x, y) {
    this.write(text, x, y, this.pen());
  }

  // Near enough for a label's ground: digits and small letters are half as wide as high.
  measureText(text) {
    return { width: String(text).length * parseFloat(/([\d.]+)px/.exec(this.font)[1]) * 0.55 };
  }

  toString() {
    const { width, height } = this;
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">\n${this.parts.join("\n")}\n</svg>\n`;
  }
}
