/* The foot of a dashboard: what was changed, and the folds. */

import { h, put, mark, show, table } from "./dom.js";
import { grouped, change } from "./format.js";
import { interventions } from "./protocol.js";
import { Metrics } from "./metrics.js";

export class Journal {
  constructor(host, rest, layers) {
    this.host = host;
    this.last = h("span", { class: "it-sub it-last" });
    this.count = h("span", { class: "it-sub it-number" });
    this.sheet = h("div", { class: "it-below", hidden: true });
    this.others = h("div", { class: "it-below", hidden: true }, rest ?? null);
    this.all = new Metrics(host, Infinity);
    this.values = h("div", { class: "it-below it-values", hidden: true }, this.all.el);
    this.tree = h("div", { class: "it-below it-values", hidden: true }, layers ?? null);
    const button = (text) => h("button", { type: "button", class: "it-fold", "aria-expanded": "false" }, text);
    [this.metrics, this.knobs, this.layers, this.button] = ["All metrics", "All knobs", "Layers", "Journal"].map(button);
    const fold = (button, body) => button.addEventListener("click", () => {
      show(body, body.hidden);
      mark(button, "aria-expanded", !body.hidden);
      host.adapt("adapt");
      host.redraw();
    });
    fold(this.button, this.sheet);
    fold(this.knobs, this.others);
    fold(this.metrics, this.values);
    fold(this.layers, this.tree);
    this.el = h("footer", { class: "it-card it-foot" },
      h("div", { class: "it-head" }, this.button, this.count, this.last, h("span", { class: "it-gap" }), this.layers, this.metrics, this.knobs),
      this.values, this.tree, this.others, this.sheet);
  }

  update(frame, theme) {
    const { journal, entries, knobs } = frame;
    show(this.layers, this.tree.firstChild !== null && frame.groups.length > 0);
    show(this.metrics, frame.metrics.length > 1 || frame.metrics.some((m) => m.matrix));
    if (!this.values.hidden) this.all.update(frame, theme);
    const last = journal.at(-1);
    put(this.count, String(entries));
    put(this.last, last ? `${change(last, knobs)} after step ${grouped(last.step)}${last.undone ? " (undone)" : ""}` : "nothing was changed yet");
    show(this.knobs, this.others.firstChild?.childElementCount > 0);
    const stamp = `${entries} ${last?.new} ${journal.filter((e) => e.undone).length}`;
    if (this.sheet.hidden || this.stamp === stamp) return;
    this.stamp = stamp;
    const numbers = new Map(interventions(journal).map((m) => [m.entry, String(m.number)]));
    const rows = journal.toReversed().map((e) => [
      numbers.get(e) ?? "", grouped(e.step), change(e, knobs) + (e.undone ? " (undone)" : ""), e.source,
      e.time === null ? "" : new Date(e.time * 1000).toLocaleTimeString(),
    ]);
    this.sheet.replaceChildren(table(["mark", "after step", "what", "by", "at"], rows, "Journal"));
  }
}
