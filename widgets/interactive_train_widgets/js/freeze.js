/* A box per layer: ticked, it rests. */

import { h, mark } from "./dom.js";
import { grouped } from "./format.js";

export class Freeze {
  constructor(host) {
    this.host = host;
    this.rows = new Map();
    this.list = h("div", { class: "it-layers" });
    this.el = h("section", { class: "it-freeze", "aria-label": "Freeze layers" },
      h("div", { class: "it-head" }, h("h3", {}, "Freeze"), h("span", { class: "it-gap" }), h("span", { class: "it-sub" }, "parameters")), this.list);
  }

  add(group) {
    const box = h("input", { type: "checkbox", "aria-label": `Freeze ${group.path} ${group.kind}` });
    const row = h("label", { class: "it-layer", "data-layer": group.path }, box,
      h("span", { class: "it-path" }, `${group.path} `, h("span", { class: "it-sub" }, group.kind)),
      h("span", { class: "it-number it-sub" }, grouped(group.parameters)));
    const entry = { box, row, waiting: 0 };
    box.addEventListener("change", (event) => {
      entry.waiting++;
      this.host.command(box.checked ? "freeze" : "thaw", { path: group.path }, event, "", () => {
        entry.waiting--;
      });
    });
    this.rows.set(group.path, entry);
    this.list.append(row);
    return entry;
  }

  update(frame, frozen) {
    for (const group of frame.groups) {
      const entry = this.rows.get(group.path) ?? this.add(group);
      mark(entry.row, "data-frozen", group.resting.length ? "mixed" : group.frozen);
      entry.box.disabled = frozen;
      entry.box.indeterminate = group.resting.length > 0;
      if (!entry.waiting && entry.box.checked !== group.frozen) entry.box.checked = group.frozen;
    }
  }
}
