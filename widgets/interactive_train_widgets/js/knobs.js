/* The hyperparameters: the first few beside the curve, the others folded, each by layer if wanted. */

import { h, put, mark, show } from "./dom.js";
import { Knob } from "./knob.js";
import { isPart, partsOf } from "./parts.js";

// A knob's value in each layer, folded under it.
class ByLayer {
  constructor(host, control) {
    [this.host, this.control] = [host, control];
    this.rows = new Map();
    this.body = h("div", { class: "it-by-layer", role: "group", "aria-label": `${control.knob.title} by layer`, hidden: true });
    control.el.append(this.body);
    control.parts.addEventListener("click", () => {
      show(this.body, this.body.hidden);
      this.host.redraw();
    });
  }

  update(parts, common, frame, frozen) {
    const { control, body, rows } = this;
    const own = parts.filter(({ knob }) => knob.own).length;
    show(control.parts, parts.length > 0);
    put(control.parts, own ? `by layer · ${own}` : "by layer");
    mark(control.parts, "aria-expanded", !body.hidden);
    const differ = own === 1 ? "one layer has a value of its own" : `${own || "no"} layers have values of their own`;
    mark(control.parts, "title", `${common.title} by layer: ${differ}`);
    mark(control.parts, "aria-label", `${common.title} by layer: ${differ}`);
    if (body.hidden) return;
    const paths = new Set(parts.map((p) => p.layer));
    for (const [path, row] of rows) {
      if (paths.has(path)) continue;
      row.el.remove();
      rows.delete(path);
    }
    for (const { layer, kind, knob } of parts) {
      if (!rows.has(layer)) {
        const row = new Knob(this.host, knob, layer);
        row.el.title = `${layer} ${kind}`;
        rows.set(layer, row);
        body.append(row.el);
      }
      rows.get(layer).update(knob, frame, frozen, common);
    }
  }
}

export class Knobs {
  constructor(host, limit) {
    this.host = host;
    this.limit = limit;
    this.controls = new Map();
    this.el = h("section", { class: "it-knobs", "aria-label": "Hyperparameters" });
    this.rest = h("div", { class: "it-knobs it-rest" });
  }

  update(frame, frozen) {
    const knobs = frame.knobs.filter((knob) => !isPart(knob, frame));
    for (const knob of knobs) {
      if (!this.controls.has(knob.key)) this.controls.set(knob.key, new Knob(this.host, knob));
    }
    this.arrange(knobs);
    for (const knob of knobs) {
      const control = this.controls.get(knob.key);
      control.update(knob, frame, frozen);
      const parts = partsOf(knob, frame);
      if (parts.length && !control.fold) control.fold = new ByLayer(this.host, control);
      control.fold?.update(parts, knob, frame, frozen);
    }
  }

  // The first few beside the curve, the others folded; nothing moves that is in its place.
  arrange(knobs) {
    const keys = knobs.map((knob) => knob.key).join();
    if (keys === this.keys) return;
    this.keys = keys;
    const known = new Set(knobs.map((knob) => knob.key));
    for (const [key, control] of this.controls) {
      if (known.has(key)) continue;
      control.el.remove();
      this.controls.delete(key);
    }
    const focused = document.activeElement;
    knobs.forEach((knob, i) => {
      const [home, at] = i < this.limit ? [this.el, i] : [this.rest, i - this.limit];
      const { el } = this.controls.get(knob.key);
      if (home.children[at] !== el) home.insertBefore(el, home.children[at] ?? null);
    });
    if (focused !== document.activeElement && (this.el.contains(focused) || this.rest.contains(focused))) focused.focus();
  }
}
