/* The names of the curves with their lines; a press hides a curve or shows it. */

import { h, mark, put } from "./dom.js";
import { look } from "./curves.js";

const MANY = 5; // names that one line holds in a dashboard

export class Legend {
  constructor(onchange) {
    this.onchange = onchange;
    this.entries = new Map();
    this.el = h("div", { class: "it-legend", role: "group", "aria-label": "Curves shown" });
  }

  update(curves, view, theme) {
    const known = new Set(curves.map((c) => c.key));
    for (const [key, entry] of this.entries) {
      if (known.has(key)) continue;
      entry.button.remove();
      this.entries.delete(key);
    }
    this.el.classList.toggle("it-many", curves.length > MANY);
    curves.forEach((curve, i) => {
      const { button, name } = this.entries.get(curve.key) ?? this.add(curve.key, view);
      const { colour, dash } = look(curve.style, theme);
      const line = `stroke:${colour};stroke-dasharray:${dash.join(" ") || "none"};stroke-width:${theme.line}`;
      mark(button.firstChild.firstChild, "style", line);
      mark(button.firstChild.lastChild, "style", curve.measured ? `stroke:${colour}` : "display:none");
      put(name, curve.label);
      mark(button, "aria-pressed", !curve.hidden);
      button.title = `${curve.hidden ? "Show" : "Hide"} ${curve.label}`;
      if (this.el.children[i] !== button) this.el.insertBefore(button, this.el.children[i] ?? null);
    });
  }

  add(key, view) {
    const name = h("span", {});
    const button = h("button", { type: "button", class: "it-curve", "data-curve": key, onclick: () => {
      if (!view.hidden.delete(key)) view.hidden.add(key);
      this.onchange();
    } });
    button.innerHTML = '<svg width="26" height="10" aria-hidden="true"><path d="M1 5h24" fill="none"/><circle cx="13" cy="5" r="3"/></svg>';
    button.append(name);
    const entry = { button, name };
    this.entries.set(key, entry);
    return entry;
  }
}
