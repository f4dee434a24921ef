/* Run until: the end of the epoch, a step, or a loss; then the run pauses exactly there. */

import { h, mark, put } from "./dom.js";
import { grouped } from "./format.js";
import { parseNumber } from "./slider.js";

export class Until {
  constructor(host) {
    const close = () => {
      this.el.open = false;
      this.summary.focus();
    };
    const ask = (fields, event) => {
      host.command("run_until", fields, event);
      close();
    };
    const box = (label, key, read) => {
      const input = h("input", { type: "text", inputmode: "decimal", class: "it-box", "aria-label": `Run until ${label}` });
      input.addEventListener("keydown", (event) => {
        if (event.key !== "Enter") return;
        event.preventDefault(); // else it opens again what it has closed
        const value = read(parseNumber(input.value));
        mark(input, "aria-invalid", !(value > 0));
        if (!(value > 0)) return;
        input.value = "";
        ask({ [key]: value }, event);
      });
      return h("label", {}, label, input);
    };
    this.epoch = h("button", { type: "button", class: "it-button", onclick: (event) => ask({ epoch: this.next }, event) }, "end of epoch");
    this.summary = h("summary", { title: "Run to an exact point, then pause" }, "Until…");
    this.el = h("details", { class: "it-until" }, this.summary,
      h("div", { class: "it-until-form" }, this.epoch, box("step", "step", Math.round), box("loss at most", "loss", Number),
        h("span", { class: "it-sub" }, "Enter goes, Escape closes")));
    this.el.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.el.open) close();
    });
    this.el.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !this.el.contains(event.relatedTarget)) this.el.open = false;
    });
  }

  update(run, off) {
    this.next = run.epoch;
    mark(this.el, "data-off", off);
    this.summary.tabIndex = off ? -1 : 0;
    if (off) this.el.open = false;
    put(this.epoch, `end of epoch ${grouped(run.epoch)}`);
  }
}
