/* One knob: a slider with a number box, held still while a person moves it. */

import { h, put, mark, show, chip } from "./dom.js";
import { short, provenance } from "./format.js";
import { sliderRange, toPosition, toValue, keyed, parseNumber, complaint, meaning } from "./slider.js";
import { unique } from "./protocol.js";
import { rejoining } from "./parts.js";

const REST = 600; // ms after the last touch during which incoming values do not move the slider
const KEYS = 1000; // ms between two key presses of one gesture

export class Knob {
  // In a fold by layer a knob is one line, whose name is its layer's.
  constructor(host, knob, layer = null) {
    this.host = host;
    this.layer = layer;
    this.key = knob.key;
    this.waiting = new Set();
    this.touched = 0;
    const id = `it-${unique()}`;
    const name = knob.path ? `${knob.title} of ${knob.path}` : knob.title;
    this.slider = h("input", { type: "range", min: 0, max: 1, step: "any", id, class: "it-slider", "aria-label": name });
    this.box = h("input", { type: "text", inputmode: "decimal", class: "it-box", "aria-label": `${name}, value`, autocomplete: "off", spellcheck: "false" });
    this.scale = chip("scale", "Moves multiply the schedule", (event) => this.choose(event, "scale"));
    this.hold = chip("hold", "Hold this value whatever the schedule says", (event) => this.choose(event, "hold"));
    this.release = layer
      ? chip("same as all", "What the other layers have", (event) => this.rejoin(event))
      : chip("release", "Back to the schedule as planned", (event) => this.send(event, "release", {}));
    this.release.classList.add("it-link");
    this.choice = h("span", { class: "it-choice", role: "group", "aria-label": `${name}: what a move means` }, this.scale, this.hold);
    this.where = h("span", { class: "it-sub" });
    this.note = h("span", { class: "it-hint", id: `${id}-note` });
    this.low = h("span", {});
    this.high = h("span", {});
    mark(this.box, "aria-describedby", `${id}-note`);
    this.parts = h("button", { type: "button", class: "it-chip it-link", hidden: true, "aria-expanded": "false" });
    this.el = h(
      "div",
      { class: layer ? "it-knob it-of-layer" : "it-knob", "data-knob": knob.key, role: "group", "aria-label": name },
      h("div", { class: "it-head" },
        h("label", { for: id, title: knob.help }, h("b", {}, layer ?? knob.title), this.where),
        h("span", { class: "it-gap" }),
        this.choice,
        this.box, knob.unit ? h("span", { class: "it-sub" }, knob.unit) : null),
      this.slider,
      h("div", { class: "it-ends" }, this.low, h("span", { class: "it-middle" }, this.note, this.release, this.parts), this.high),
    );
    this.mode = "scale";
    this.listen();
  }

  listen() {
    const { slider, box } = this;
    slider.addEventListener("pointerdown", () => {
      this.dragging = true;
      this.gesture = unique();
    });
    const end = () => {
      this.dragging = false;
      this.touched = Date.now();
    };
    for (const name of ["pointerup", "pointercancel", "blur", "change"]) slider.addEventListener(name, end);
    slider.addEventListener("blur", () => {
      this.gesture = undefined;
    });
    slider.addEventListener("input", (event) => this.move(event, toValue(this.range, Number(slider.value))));
    slider.addEventListener("keydown", (event) => this.press(event));
    box.addEventListener("keydown", (event) => {
      if (event.key === "ArrowUp" || event.key === "ArrowDown" || event.key.startsWith("Page")) this.press(event);
      if (event.key === "Enter") this.typed(event);
      if (event.key === "Escape") this.settle();
    });
    box.addEventListener("input", () => {
      this.editing = true;
    });
    box.addEventListener("blur", (event) => this.editing && this.typed(event));
    box.addEventListener("focus", () => box.select());
  }

  press(event) {
    const value = keyed(this.range, this.shown, event.key);
    if (value === null || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (!this.gesture || Date.now() - this.touched > KEYS) this.gesture = unique();
    this.put(value);
    this.set(event, value);
  }

  // A drag: at most one command per drawn picture, and always the last one.
  move(event, value) {
    this.gesture ??= unique();
    this.touched = Date.now();
    this.put(value, false);
    this.next = { event, value };
    if (this.timer) return;
    const tick = () => {
      const { next } = this;
      this.next = null;
      this.timer = next && setTimeout(tick, 33);
      if (next) this.set(next.event, next.value);
    };
    tick();
  }

  typed(event) {
    const text = this.box.value;
    const value = parseNumber(text);
    const wrong = complaint(this.knob, value, text);
    this.gesture = unique();
    if (wrong) {
      this.complain(`${wrong}; got ${text || "nothing"}`);
      this.settle();
    } else if (value !== this.knob.effective) {
      this.put(value);
      this.set(event, value);
    }
    this.editing = false;
  }

  // Hold what stands now, or let the schedule have it again.
  choose(event, mode) {
    this.mode = mode;
    this.gesture = unique();
    const held = this.knob.override !== null;
    if (mode === "hold" && !held) this.send(event, "adjust", { value: this.knob.effective });
    if (mode === "scale" && held) this.send(event, "release", {});
  }

  // Be like the others again.
  rejoin(event) {
    this.gesture = unique();
    for (const [verb, fields] of rejoining(this.knob, this.common)) this.send(event, verb, fields);
  }

  set(event, value) {
    const { knob } = this;
    const wrong = complaint(knob, value, String(value));
    if (wrong) return this.complain(wrong);
    const what = meaning(knob, this.mode);
    if (what === "set") return this.send(event, "adjust", { value });
    if (what === "hold") {
      if (value === knob.effective) return;
      this.mode = "hold";
      return this.send(event, "adjust", { value }, `held, since the schedule is ${short(knob.effective)} here`);
    }
    // A factor multiplies what stands: the next one waits until it is known what that is.
    if (this.waiting.size) this.later = { event, value };
    else if (value !== knob.effective) this.send(event, "scale", { value: value / knob.effective });
  }

  send(event, verb, fields, remark = "") {
    this.touched = Date.now();
    this.complain("");
    const { name, path } = this.knob;
    const id = this.host.command(verb, { name, path, ...fields }, event, this.gesture ?? "", (ticket, knobs) => {
      this.waiting.delete(id);
      this.knob = knobs.find((k) => k.key === this.key) ?? this.knob;
      const { later } = this;
      this.later = null;
      if (ticket.error) {
        this.complain(ticket.error);
        this.touched = 0;
        this.settle();
      } else if (later) this.set(later.event, later.value);
    }, remark);
    this.waiting.add(id);
  }

  complain(text) {
    this.error = text;
    mark(this.el, "data-error", text);
    mark(this.box, "aria-invalid", text !== "");
    this.describe();
  }

  put(value, slider = true) {
    this.shown = value;
    if (slider) this.slider.value = toPosition(this.range, value);
    if (document.activeElement !== this.box || !this.editing) this.box.value = short(value);
    mark(this.slider, "aria-valuetext", short(value));
    this.slider.style.setProperty("--it-fill", `${toPosition(this.range, value) * 100}%`);
  }

  // Back to what holds in the run.
  settle() {
    this.editing = false;
    this.put(this.knob.effective);
  }

  describe() {
    const { knob, frame } = this;
    if (!knob) return;
    const said = knob.scheduled || knob.scale !== 1 ? provenance(knob, frame.journal, true) : "";
    // The value itself stands in the box.
    put(this.note, this.error || said.slice(said.indexOf(" ") + 1));
    this.note.title = this.error || said || knob.help;
    const own = this.layer ? knob.own : knob.override !== null || knob.scale !== 1;
    show(this.release, !this.error && own);
  }

  update(knob, frame, frozen, common = null) {
    [this.knob, this.frame, this.common] = [knob, frame, common];
    this.range = sliderRange(knob, this.range);
    put(this.low, short(this.range.low));
    put(this.high, short(this.range.high));
    mark(this.el, "data-effective", knob.effective);
    mark(this.el, "data-scale", knob.scale);
    mark(this.el, "data-override", knob.override);
    for (const node of [this.slider, this.box, this.scale, this.hold, this.release]) node.disabled = frozen;
    show(this.choice, knob.scheduled);
    if (!this.layer) put(this.where, knob.path && ` ${knob.path}`);
    mark(this.el, "data-own", Boolean(knob.own));
    mark(this.scale, "aria-pressed", knob.override === null);
    mark(this.hold, "aria-pressed", knob.override !== null);
    const busy = this.dragging || this.waiting.size || Date.now() - this.touched < REST || this.editing;
    if (knob.override !== null) this.mode = "hold";
    else if (!busy) this.mode = "scale";
    if (!busy) this.put(knob.effective);
    this.describe();
  }
}
