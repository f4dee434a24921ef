/* The bar on top: how the run stands, its pace, and what starts and ends it. */

import { h, put, mark, show, chip } from "./dom.js";
import { grouped, clock, perSecond } from "./format.js";
import { parseNumber } from "./slider.js";
import { mainRate } from "./protocol.js";
import { Until } from "./until.js";

export const ENDED = ["finished", "stopped", "failed"];
const EPOCHS = 10;
const STEPS = 500;

export class StatusBar {
  constructor(host) {
    this.host = host;
    this.dot = h("span", { class: "it-dot", "aria-hidden": "true" });
    this.name = h("b", { class: "it-name" });
    this.word = h("span", { class: "it-word" });
    this.step = h("b", { class: "it-number" });
    this.epoch = h("b", { class: "it-number" });
    this.epochs = h("span", { class: "it-part it-epochs" }, "epoch ", this.epoch);
    // In the order of importance: what does not fit into the line is left out from the end.
    [this.left, this.time, this.rate] = ["left", "time", "rate"].map((name) => h("span", { class: `it-part it-sub it-${name}` }));
    const press = (verb, fields) => (event) => host.command(verb, fields, event);
    this.paces = [5, 50, null].map((pace) => {
      const button = chip(pace ? `${pace}/s` : "full", pace ? `${pace} steps a second` : "Full speed", press("pace", { value: pace }));
      return { pace, button };
    });
    this.own = h("input", {
      type: "text", inputmode: "decimal", class: "it-box it-own", placeholder: "…/s",
      "aria-label": "Pace in steps a second", title: "Pace in steps a second",
    });
    this.own.addEventListener("change", (event) => {
      const value = parseNumber(this.own.value.replace("/s", ""));
      if (value > 0) host.command("pace", { value }, event);
      this.own.value = "";
      this.own.blur();
    });
    const button = (text, title, onclick, kind = "") => h("button", { type: "button", class: `it-button ${kind}`, title, onclick }, text);
    this.toggle = button("Pause", "Pause at the next step", (event) => host.command(this.paused ? "resume" : "pause", {}, event), "it-primary it-toggle");
    this.advance = button("Step", "Take one step, then pause", press("advance", { steps: 1 }));
    this.stop = button("Stop", "End the run; the state is kept", press("stop", {}));
    this.extend = button("+10 epochs", "Move the planned end", (event) => {
      const fields = this.byEpoch ? { epochs: EPOCHS } : { steps: STEPS };
      host.command("extend", fields, event);
    }, "it-extend");
    this.until = new Until(host);
    this.controls = h(
      "div",
      { class: "it-controls" },
      h("span", { class: "it-group", role: "group", "aria-label": "Pace" },
        h("span", { class: "it-sub it-pace" }, "pace"), ...this.paces.map((p) => p.button), this.own),
      h("span", { class: "it-group" }, this.toggle, this.advance, this.until.el, this.stop, this.extend),
    );
    this.el = h(
      "header",
      { class: "it-card it-bar" },
      h("div", { class: "it-state" }, this.dot, this.name, this.word,
        h("span", { class: "it-part" }, "step ", this.step), this.epochs, this.left, this.time, this.rate),
      this.controls,
    );
  }

  update(frame, face) {
    const { run } = frame;
    const ended = ENDED.includes(run.status);
    this.paused = run.status === "paused" || run.status === "ready";
    put(this.name, run.name);
    put(this.word, face === "live" ? run.status : face === "lost" ? "connection lost" : `${face} · ${run.status}`);
    put(this.step, grouped(run.step));
    put(this.epoch, grouped(run.epoch));
    const left = run.lastStep === null ? NaN : (run.lastStep - run.step) / run.stepsPerSecond;
    const lost = face === "lost";
    const tell = (node, text) => {
      put(node, text);
      show(node, text !== "");
    };
    tell(this.left, !lost && !ended && Number.isFinite(left) ? `${clock(left)} left` : "");
    tell(this.time, lost ? "" : ended ? `took ${clock(run.elapsed)}` : clock(run.elapsed));
    tell(this.rate, !lost && !ended && run.stepsPerSecond ? perSecond(run.stepsPerSecond) : "");
    this.byEpoch = run.stepsPerEpoch !== null;
    put(this.extend, this.byEpoch ? `+${EPOCHS} epochs` : `+${STEPS} steps`);
    put(this.toggle, this.paused ? "Resume" : "Pause");
    for (const button of [this.toggle, this.advance, this.stop]) button.disabled = ended || lost;
    this.until.update(run, ended || lost);
    this.extend.disabled = lost || (run.lastStep === null && !ended);
    this.extend.classList.toggle("it-primary", ended && run.status !== "failed");
    this.toggle.classList.toggle("it-primary", !ended);
    for (const { pace, button } of this.paces) mark(button, "aria-pressed", run.pace === pace);
    const custom = run.pace !== null && !this.paces.some((p) => p.pace === run.pace);
    mark(this.own, "placeholder", custom ? perSecond(run.pace) : "…/s");
    this.own.classList.toggle("it-set", custom);
    show(this.controls, !frame.watchOnly && face !== "saved");
  }
}

// The face over the curves when something needs a person: an error, a NaN, a lost kernel.
export class Banner {
  constructor(host) {
    this.text = h("span", { class: "it-banner-text" });
    this.full = h("pre", { class: "it-trace", hidden: true, tabindex: "0", "data-lm-suppress-shortcuts": "true" });
    this.more = h("button", { type: "button", class: "it-chip", "aria-expanded": "false" }, "details");
    this.more.addEventListener("click", () => {
      show(this.full, this.full.hidden);
      mark(this.more, "aria-expanded", !this.full.hidden);
    });
    this.rescue = h("button", { type: "button", class: "it-button it-primary" }, "Go back, halve the learning rate, go on");
    this.rescue.addEventListener("click", (event) => host.command("rescue", { scale: 0.5 }, event));
    this.el = h("div", { class: "it-banner", role: "alert", hidden: true }, h("div", { class: "it-head" }, this.text, this.more, this.rescue), this.full);
  }

  update(frame, face, trouble) {
    const { status } = frame.run;
    const message = trouble ? trouble.trace : frame.run.message;
    const lines = message.split("\n");
    let text = "";
    if (trouble) text = `The dashboard failed: ${trouble.error}`;
    else if (face === "lost") text = "The kernel does not answer. Training may still be going on; this page looks again by itself.";
    else if (status === "failed") text = lines[0] || "The run failed.";
    else if (status === "paused" && message && !message.startsWith("reached ")) text = `Paused: ${lines[0]}`;
    else if (status === "stopped" && message) text = `Stopped: ${lines[0]}`;
    show(this.el, text !== "");
    mark(this.el, "data-kind", face === "lost" ? "lost" : status);
    if (!text) return;
    put(this.text, text);
    const long = (face !== "lost" || trouble) && (lines.length > 1 || message.length > 110);
    show(this.more, long);
    if (!long) show(this.full, false);
    put(this.full, message);
    const knob = mainRate(frame.knobs);
    show(this.rescue, face === "live" && status === "paused" && knob && /nan|inf|finite/i.test(message));
  }
}
