/* Draw a digit: paper, what the model sees of it, and a bar for each class. */

import { h, mark, put } from "../dom.js";
import { ClassBars } from "./bars.js";
import { palettes, paint } from "./pixels.js";
import { Pen } from "./strokes.js";
import { RunButtons, TeachingCard } from "./view.js";

const TELL = 33; // ms between two messages while the pen moves
const STEP = 1 / 24; // of the paper, by a cursor key; a quarter of it with Shift
const TRUST = 2500; // ms after which the kernel's drawing counts, whatever was sent
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const HELP = "Paper. Cursor keys move the pen, the space bar puts it down or lifts it, Escape clears.";

class Paper {
  constructor(card) {
    this.card = card;
    this.buttons = new RunButtons(card);
    this.sent = 0;
    this.base = 0;
    this.touched = 0;
    this.at = [0.5, 0.2];
    this.pen = new Pen((name, value) => this.tell(name, value));
    this.canvas = h("canvas", { class: "itp-paper", tabindex: "0", role: "application", "aria-label": HELP, "data-lm-suppress-shortcuts": "true" });
    this.listen();
    this.seen = h("canvas", { class: "itp-tile itp-seen", role: "img", "aria-label": "What the model sees" });
    this.bars = new ClassBars();
    this.example = 3;
    const button = (text, label, onclick) => h("button", { type: "button", class: "it-button", title: label, onclick }, text);
    this.state = h("span", { class: "it-sub" });
    const tools = h("div", { class: "itp-paper-tools" },
      button("Clear", "Take a new sheet", () => this.clear()), button("Example", "Draw the next of ten digits", () => this.show()), this.state);
    card.body.append(h("div", { class: "itp-draw" },
      h("div", {}, this.canvas, tools),
      h("figure", { class: "itp-model" }, this.seen, h("figcaption", { class: "it-sub" }, "what the model sees")),
      this.bars.el));
    this.sight = new ResizeObserver(() => this.sketch());
    this.sight.observe(this.canvas);
  }

  remove() {
    this.sight.disconnect();
    clearInterval(this.telling);
  }

  listen() {
    const { canvas } = this;
    const place = (event) => {
      const { left, top, width, height } = canvas.getBoundingClientRect();
      return [(event.clientX - left) / width, (event.clientY - top) / height];
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      event.preventDefault();
      canvas.focus({ preventScroll: true });
      canvas.setPointerCapture(event.pointerId);
      this.keys = false;
      this.put(...place(event));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.pen.down || this.keys) return;
      const events = event.getCoalescedEvents?.() ?? [];
      for (const part of events.length ? events : [event]) this.pen.extend(...place(part));
      this.sketch();
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(end, () => this.pen.down && !this.keys && this.lift());
    }
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("focus", () => this.sketch());
    canvas.addEventListener("blur", () => (this.pen.down ? this.lift() : this.sketch()));
  }

  key(event) {
    const arrow = ARROWS[event.key];
    if (!arrow && event.key !== " " && event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    this.keys = true;
    if (event.key === "Escape") return this.clear();
    if (event.key === " ") {
      if (event.repeat) return;
      if (this.pen.down) this.lift();
      else this.put(...this.at);
      return;
    }
    const step = event.shiftKey ? STEP / 4 : STEP;
    this.at = this.at.map((v, i) => Math.min(1, Math.max(0, v + step * arrow[i])));
    this.pen.extend(...this.at);
    this.sketch();
  }

  put(x, y) {
    this.at = [x, y];
    this.pen.begin(x, y);
    clearInterval(this.telling);
    this.telling = setInterval(() => this.pen.flush(), TELL);
    this.mode();
    this.sketch();
  }

  lift() {
    clearInterval(this.telling);
    this.pen.end();
    this.mode();
    this.sketch();
  }

  mode() {
    put(this.state, this.keys ? (this.pen.down ? "pen is down" : "pen is up") : "");
    if (this.keys) put(this.card.live, this.pen.down ? "Pen is down" : "Pen is up");
  }

  tell(name, value) {
    this.sent++;
    this.touched = Date.now();
    this.card.choose(name, value);
  }

  clear() {
    this.lift();
    this.pen.clear();
    this.tell("clear", true);
    this.sketch();
  }

  show() {
    this.lift();
    this.tell("example", this.example);
    this.example = (this.example + 1) % this.card.options.examples;
  }

  draw({ data, arrays, run, text }, theme) {
    this.buttons.update(run);
    if (this.theme !== theme) [this.theme, this.tables] = [theme, palettes(theme)];
    this.adopt(data, arrays.points.data);
    const [rows, columns] = arrays.picture.shape;
    paint(this.seen, Uint8Array.from(arrays.picture.data, (v) => Math.round(255 * v)), rows, columns, this.tables.ink);
    this.bars.update(data.classes, arrays.chances.data, data.best, data.empty);
    mark(this.card.root, "data-best", data.empty ? "" : data.classes[data.best]);
    mark(this.card.root, "data-version", data.version);
    if (data.version !== this.spoken && !this.pen.down) {
      this.spoken = data.version;
      put(this.card.live, text);
      for (const picture of this.card.root.querySelectorAll("[data-picture]")) mark(picture, "aria-label", text);
    }
    this.sketch();
  }

  // The kernel's drawing, once it has heard all that was drawn here.
  adopt({ version, lengths }, points) {
    const heard = version >= this.base + this.sent || Date.now() - this.touched > TRUST;
    if (this.pen.down || this.pen.queue.length || !heard) return;
    [this.base, this.sent] = [version, 0];
    this.pen.adopt(points, lengths);
  }

  sketch() {
    const { canvas, theme } = this;
    if (!theme || !canvas.clientWidth) return;
    const [size, ratio] = [canvas.clientWidth, window.devicePixelRatio || 1];
    const pixels = Math.round(size * ratio);
    if (canvas.width !== pixels) canvas.width = canvas.height = pixels;
    const c = canvas.getContext("2d");
    c.setTransform(pixels, 0, 0, pixels, 0, 0);
    c.clearRect(0, 0, 1, 1);
    [c.lineCap, c.lineJoin, c.strokeStyle, c.fillStyle] = ["round", "round", theme.text, theme.text];
    c.lineWidth = 0.55 * this.card.options.pen;
    for (const stroke of this.pen.strokes) {
      c.beginPath();
      stroke.forEach(([x, y]) => c.lineTo(x, y));
      if (stroke.length === 1) c.lineTo(stroke[0][0] + 1e-4, stroke[0][1]);
      c.stroke();
    }
    if (!this.pen.strokes.length) this.hint(c, theme, size);
    if (this.keys && document.activeElement === canvas) {
      c.lineWidth = 2 / size;
      c.strokeStyle = theme.series[this.pen.down ? 1 : 0];
      c.beginPath();
      c.arc(...this.at, 0.045, 0, 7);
      c.stroke();
    }
  }

  hint(c, theme, size) {
    c.save();
    c.scale(1 / size, 1 / size);
    c.fillStyle = theme.muted;
    c.font = `${theme.size}px ${theme.font}`;
    c.textAlign = "center";
    c.fillText("draw a digit here", size / 2, size / 2);
    c.restore();
  }
}

export default {
  render({ model, el }) {
    return new TeachingCard(model, el, (card) => new Paper(card)).connect();
  },
};
