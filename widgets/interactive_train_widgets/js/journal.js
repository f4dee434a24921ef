/* The foot of a dashboard: what was changed, and the folds. */

import { h, put, mark, show, table } from "./dom.js";
import { grouped, change } from "./format.js";
import { interventions } from "./protocol.js";
import { Metrics } from "./metrics.js";

export class Journal {
  constructor(host, { knobs, layers, timeline }) {
    this.host = host;
    this.lines = 0;
    this.last = h("span", { class: "it-sub it-last" });
    this.count = h("span", { class: "it-sub it-number" });
    this.note = h("input", { type: "text", class: "it-box it-remark", placeholder: "note, Enter", "aria-label": "Add a note to the journal", maxlength: 500, autocomplete: "off" });
    this.note.addEventListener("keydown", (event) => {
      const text = this.note.value.trim();
      if (event.key !== "Enter" || !text) return;
      host.command("note", { text }, event, "", (ticket) => {
        if (!ticket.error) this.note.value = "";
      });
    });
    this.rows = h("div");
    this.sheet = h("div", { class: "it-below", hidden: true }, this.note, this.rows);
    this.others = h("div", { class: "it-below", hidden: true }, knobs ?? null);
    this.all = new Metrics(host, Infinity);
    this.values = h("div", { class: "it-below it-values", hidden: true }, this.all.el);
    this.tree = h("div", { class: "it-below it-values", hidden: true }, layers ?? null);
    this.time = h("div", { class: "it-below it-values", hidden: true }, timeline ?? null);
    const button = (text) => h("button", { type: "button", class: "it-fold", "aria-expanded": "false" }, text);
    [this.metrics, this.knobs, this.layers, this.timeline, this.button] = ["All metrics", "All knobs", "Layers", "Timeline", "Journal"].map(button);
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
    fold(this.timeline, this.time);
    if (!host.charts) for (const [button, body] of [[this.timeline, this.time], [this.button, this.sheet]]) {
      show(body, true);
      mark(button, "aria-expanded", true);
    }
    this.el = h("footer", { class: "it-card it-foot" },
      h("div", { class: "it-head" }, this.button, this.count, this.last, h("span", { class: "it-gap" }), this.timeline, this.layers, this.metrics, this.knobs),
      this.time, this.values, this.tree, this.others, this.sheet);
  }

  update(frame, theme, frozen) {
    show(this.note, !frozen);
    const { journal, entries, knobs } = frame;
    show(this.timeline, this.time.firstChild !== null);
    const lines = (frame.branches ?? []).length;
    if (lines > this.lines && this.lines === 1 && this.time.hidden) this.timeline.click(); // at the first rewind
    this.lines = lines;
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
    this.rows.replaceChildren(table(["mark", "after step", "what", "by", "at"], rows, "Journal"));
  }
}
