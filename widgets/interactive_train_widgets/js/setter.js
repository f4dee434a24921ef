/* The point of the present on a schedule's course: dragged or typed, it holds its knob there. */

import { h, mark, show } from "./dom.js";
import { short } from "./format.js";
import { unique } from "./protocol.js";
import { Knob } from "./knob.js";

export class Setter extends Knob {
  constructor(host, knob, chart, redraw) {
    super(host, knob);
    [this.chart, this.redraw] = [chart, redraw];
    const name = this.box.getAttribute("aria-label").replace(/, value$/, "");
    this.handle = h("div", {
      class: "it-handle", role: "slider", tabindex: "0", "aria-orientation": "vertical", "aria-label": `${name}: hold at`,
      title: "Drag up or down to hold this value", "data-lm-suppress-shortcuts": "true",
    });
    const { handle } = this;
    handle.addEventListener("pointerdown", (event) => {
      if (event.button || this.frozen) return;
      event.preventDefault();
      handle.focus();
      handle.setPointerCapture(event.pointerId);
      this.dragging = true;
      this.gesture = unique();
    });
    handle.addEventListener("pointermove", (event) => this.dragging && this.drag(event));
    for (const end of ["pointerup", "pointercancel"]) {
      handle.addEventListener(end, () => {
        this.dragging = false;
        this.touched = Date.now();
      });
    }
    handle.addEventListener("keydown", (event) => {
      if (this.frozen) return;
      this.press(event);
      event.stopPropagation();
    });
  }

  // A move on the course always holds: where it is dragged to is what it shall be.
  set(event, value) {
    this.mode = "hold";
    super.set(event, value);
  }

  // The value under the pointer, inside the axis and what the knob takes.
  drag(event) {
    const { chart, knob } = this;
    const y = event.clientY - chart.canvas.getBoundingClientRect().top;
    const value = Number(chart.y.invert(Math.min(Math.max(y, chart.box.y0), chart.box.y1)).toPrecision(3));
    this.move(event, Math.min(Math.max(value, knob.low ?? -Infinity), knob.high ?? Infinity));
    this.redraw();
  }

  // The value that is on its way; null when the run's own is shown.
  get pending() {
    return this.dragging || this.waiting.size ? this.shown : null;
  }

  // After the chart was drawn.
  place(frame, now, frozen) {
    const { chart, handle } = this;
    this.frozen = frozen;
    const inside = Number.isFinite(now) && frame.run.step >= chart.model.x[0] && frame.run.step <= chart.model.x[1];
    show(handle, inside);
    if (!inside) return;
    mark(handle, "aria-valuenow", now);
    mark(handle, "aria-valuemin", this.range.low);
    mark(handle, "aria-valuemax", this.range.high);
    mark(handle, "aria-valuetext", short(now));
    mark(handle, "aria-disabled", frozen);
    const y = Math.min(Math.max(chart.y(now), chart.box.y0), chart.box.y1);
    handle.style.transform = `translate(${chart.x(frame.run.step) - 14}px, ${y - 14}px)`;
  }
}
