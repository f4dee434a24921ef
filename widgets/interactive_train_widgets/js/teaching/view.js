/* What every teaching view shares: frames in, choices and commands out, a card, a text alternative.

A view gives `build(card)`, which fills `card.body` and `card.tools`, and returns an object with
`draw(frame, theme)`. A frame has `run`, `data` (what Python called head), `arrays` (each with
`data` and `shape`), `text` and `table`. */

import { h, mark, put, show, table, chip } from "../dom.js";
import { typed, unpack, unique } from "../protocol.js";
import { readTheme } from "../chart.js";
import { grouped } from "../format.js";

const FRAMES = 10; // a second
const REDUCED = 2; // when less motion is asked for
const TELL_EVERY = 6000; // ms between two changes of the text alternative while a run moves
const SILENCE = 3; // seconds until a view looks into what the notebook saved
const KINDS = { f4: Float32Array, i4: Int32Array, u4: Uint32Array, u2: Uint16Array, u1: Uint8Array };
const RESTING = ["finished", "stopped", "failed", "ready"];

// The arrays of a frame, each {data, shape}, out of its one buffer.
export function takeApart(head, buffers) {
  const bytes = typed(Uint8Array, buffers[0]);
  const arrays = {};
  for (const [name, { at, shape, type }] of Object.entries(head.arrays ?? {})) {
    const Kind = KINDS[type];
    const count = shape.reduce((a, b) => a * b, 1);
    const part = bytes.subarray(at, at + count * Kind.BYTES_PER_ELEMENT);
    arrays[name] = { shape, data: typed(Kind, new DataView(part.buffer, part.byteOffset, part.byteLength)) };
  }
  return { ...head, arrays };
}

// A frame whose run is steered: what holds now, at the step that its picture is of. Pure.
export function steered(frame, run) {
  return { ...frame, run: { ...run, step: frame.run.step } };
}

export class TeachingCard {
  constructor(model, el, build) {
    this.model = model;
    this.view = unique();
    this.waiting = new Map();
    this.silent = 0;
    this.told = 0;
    const config = model.get("config");
    this.config = config;
    this.options = config.options ?? {};
    this.where = h("span", { class: "it-sub it-number" });
    this.tools = h("div", { class: "itt-tools" });
    this.body = h("div", { class: "itt-body" });
    this.note = h("div", { class: "itt-note" });
    this.live = h("div", { class: "it-hidden", "aria-live": "polite" });
    this.sheet = h("div", { class: "itt-table", tabindex: "0", role: "region", "aria-label": "Numbers" });
    this.sheet.hidden = true;
    this.toggle = chip("Table", "Show the numbers as a table", () => this.showTable());
    const head = h("div", { class: "it-head" }, h("h3", {}, config.title), this.where, h("span", { class: "it-gap" }), this.toggle);
    const card = h("section", { class: "it-card", "aria-label": config.title }, head, this.tools, this.body, this.note, this.sheet);
    this.root = h("div", { class: `it itt it-${config.look} it-alone`, "data-status": "ready", "data-face": "waiting" }, card, this.live);
    this.root.itTeaching = this;
    el.append(this.root);
    this.still = document.head.appendChild(h("style", {}, `.it-still-${config.uid}{display:none}`));
    this.part = build(this);
    show(this.tools, this.tools.childElementCount > 0);
  }

  connect() {
    const ending = new AbortController();
    const { signal } = ending;
    this.hear = (content, buffers) => this.message(content, buffers);
    this.model.on("msg:custom", this.hear);
    this.calm = window.matchMedia("(prefers-reduced-motion: reduce)");
    this.calm.addEventListener("change", () => this.adapt("adapt"), { signal });
    const retheme = () => {
      this.theme = null;
      this.redraw();
    };
    const looks = new MutationObserver(retheme);
    looks.observe(document.body, { attributes: true });
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", retheme, { signal });
    const sizes = new ResizeObserver(() => {
      this.redraw();
      clearTimeout(this.resized);
      this.resized = setTimeout(() => this.adapt("adapt"), 300);
    });
    sizes.observe(this.root);
    // Out of sight nothing is asked for.
    this.seen = true;
    const sight = new IntersectionObserver((entries) => this.look(entries.at(-1).isIntersecting), { rootMargin: "100px" });
    sight.observe(this.root);
    document.addEventListener("visibilitychange", () => this.look(this.seen), { signal });
    const tick = setInterval(() => this.watch(), 1000);
    this.adapt("ready");
    return () => {
      ending.abort();
      [looks, sizes, sight].forEach((observer) => observer.disconnect());
      clearInterval(tick);
      clearTimeout(this.resized);
      this.part.remove?.();
      this.model.off("msg:custom", this.hear);
      this.still.remove();
      this.post({ kind: "gone", view: this.view });
    };
  }

  post(content) {
    try {
      this.model.send(content);
    } catch {
      // A dead comm: `watch` shows it.
    }
  }

  look(seen) {
    this.seen = seen;
    const asked = seen && !document.hidden;
    if (asked === this.asking) return;
    if (asked) this.adapt("ready");
    else {
      this.asking = false;
      this.post({ kind: "gone", view: this.view });
    }
  }

  // Tell the kernel how wide the picture is and how often it can be drawn.
  adapt(kind) {
    if (kind === "ready") this.asking = true;
    if (!this.asking) return;
    const rate = this.calm.matches ? REDUCED : FRAMES;
    this.post({ kind, view: this.view, rate, columns: Math.max(100, this.body.clientWidth || 700) });
  }

  message(content, buffers) {
    this.silent = 0;
    if (content.kind === "frame") {
      this.frame = takeApart(content, buffers);
      this.face = "live";
      this.due = content.sequence;
      this.redraw();
    } else if (content.kind === "trouble") {
      this.say(content.error, "error");
    } else if (content.kind === "tickets") {
      if (this.frame && content.run) this.frame = steered(this.frame, content.run);
      for (const ticket of content.tickets) {
        this.waiting.get(ticket.id)?.(ticket);
        this.waiting.delete(ticket.id);
        if (ticket.error) this.say(ticket.error, "error");
        mark(this.root, "data-ticket-step", ticket.step ?? "");
      }
      this.redraw();
    }
  }

  // Choose what the view shows; `value` is a number, a text, a truth value or a list of numbers.
  choose(name, value) {
    this.say("");
    this.post({ kind: "choose", id: `${this.view}-${unique()}`, name, value });
  }

  // Steer the run, as the dashboard does.
  command(verb, fields = {}, event = null, done = null) {
    this.say("");
    const id = `${this.view}-${unique()}`;
    const pressed = event?.timeStamp ? performance.timeOrigin + event.timeStamp : Date.now();
    if (done) this.waiting.set(id, done);
    this.post({ kind: "command", id, verb, gesture: "", pressed, ...fields });
  }

  say(text, kind = "") {
    put(this.note, text);
    mark(this.note, "data-kind", kind);
    if (text) put(this.live, text);
  }

  showTable() {
    this.sheet.hidden = !this.sheet.hidden;
    mark(this.toggle, "aria-pressed", !this.sheet.hidden);
    this.listed = null;
    this.redraw();
  }

  // Once a second: nobody answers, so what the notebook kept is shown.
  watch() {
    this.silent++;
    if (this.frame || !this.asking) return;
    if (this.silent >= SILENCE) {
      const saved = unpack(this.model.get("saved"));
      if (saved) {
        this.frame = takeApart(...saved);
        this.face = "saved";
        this.redraw();
      }
    }
    if (this.silent % 5 === 0) this.adapt("ready");
  }

  redraw() {
    if (this.drawing || !this.frame) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = null;
      this.theme ??= readTheme(this.root);
      this.draw();
      if (this.due === undefined) return;
      this.post({ kind: "ack", sequence: this.due });
      this.due = undefined;
    });
  }

  draw() {
    const { frame, root } = this;
    const { run } = frame;
    mark(root, "data-status", run.status);
    mark(root, "data-face", this.face);
    mark(root, "data-step", run.step);
    mark(root, "data-sequence", frame.sequence ?? 0);
    const state = this.options.still ? "" : `${this.face === "saved" ? "saved" : run.status} · step ${grouped(run.step)}`;
    put(this.where, state);
    if (frame.trouble) this.say(frame.trouble, "error");
    else this.part.draw(frame, this.theme);
    this.tell();
    if (!this.sheet.hidden) this.list();
  }

  // The text alternative: at once when the run rests, seldom while it moves.
  tell() {
    const { frame, root } = this;
    const rests = frame.run.status !== "running";
    if (!rests && Date.now() - this.told < TELL_EVERY) return;
    this.told = Date.now();
    for (const picture of root.querySelectorAll("[data-picture]")) mark(picture, "aria-label", frame.text);
  }

  list() {
    const { caption, titles, rows } = this.frame.table;
    const text = JSON.stringify(rows);
    if (text === this.listed) return;
    this.listed = text;
    this.sheet.replaceChildren(table(titles, rows, caption));
  }
}

// A canvas that is a picture to a screen reader; its text comes with the frames.
export function pictureCanvas(height) {
  const canvas = h("canvas", { class: "itt-canvas", role: "img", "data-picture": true, "aria-label": "Not drawn yet" });
  canvas.style.height = `${height}px`;
  return canvas;
}

export const isResting = (run) => RESTING.includes(run.status);

// Pause or resume the run, and take one step; not there for a model at rest.
export class RunButtons {
  constructor(card) {
    const button = (text, onclick) => h("button", { type: "button", class: "it-button", onclick }, text);
    this.toggle = button("Pause", (event) => card.command(this.paused ? "resume" : "pause", {}, event));
    this.step = button("Step", (event) => card.command("advance", { steps: 1 }, event));
    this.toggle.classList.add("it-toggle");
    if (!card.options.still) card.tools.append(this.toggle, this.step);
  }

  update(run) {
    this.paused = run.status === "paused" || run.status === "ready";
    put(this.toggle, this.paused ? "Resume" : "Pause");
    const ended = isResting(run) && run.status !== "ready";
    this.toggle.disabled = this.step.disabled = ended;
  }
}
