/* What a person does on a chart: point, choose a range, move it, zoom; with mouse, wheel, keys or fingers. */

import { listenTouch } from "./touch.js";

const WHEEL = 0.002; // of the logarithm of the width, per pixel of the wheel
export const NEARER = 0.6; // zoom of one key press or button
const DRAG = 5; // pixels below which a press is a click

// `on`: {point(step), select(range), zoom(range), by(factor, step), pan(part), pinch(range, before, now), key(steps), reset()}
export function listen(canvas, chart, on) {
  let start = null;
  const stepAt = (event) => chart.x?.invert(event.offsetX);
  const end = () => {
    start = null;
    on.select(null);
  };
  listenTouch(canvas, chart, on);
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button || !chart.box || event.pointerType === "touch") return;
    canvas.setPointerCapture(event.pointerId);
    start = { x: event.offsetX, step: stepAt(event), pan: event.shiftKey };
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!chart.box || event.pointerType === "touch") return;
    const moved = start && Math.abs(event.offsetX - start.x) > DRAG;
    if (start?.pan) {
      on.pan((start.x - event.offsetX) / (chart.box.x1 - chart.box.x0));
      start.x = event.offsetX;
    } else if (moved) {
      on.select([start.step, stepAt(event)]);
    } else if (!start) {
      on.point(stepAt(event));
    }
  });
  canvas.addEventListener("pointerup", (event) => {
    if (event.pointerType === "touch") return;
    const chosen = start && !start.pan && Math.abs(event.offsetX - start.x) > DRAG;
    if (chosen) on.zoom([start.step, stepAt(event)].sort((a, b) => a - b));
    end();
  });
  canvas.addEventListener("pointercancel", (event) => event.pointerType === "touch" || end());
  canvas.addEventListener("dblclick", () => on.reset());
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey || !chart.box) return;
    event.preventDefault();
    on.by(Math.exp(event.deltaY * WHEEL), stepAt(event));
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const sign = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (sign && event.shiftKey) on.pan(sign / 8);
    else if (sign) on.key(sign);
    else if (event.key === "PageUp" || event.key === "PageDown") on.key(event.key === "PageUp" ? 20 : -20);
    else if (event.key === "+" || event.key === "=") on.by(NEARER);
    else if (event.key === "-") on.by(1 / NEARER);
    else if (event.key === "0" || event.key === "Home") on.reset();
    else if (event.key === "Escape") {
      end();
      on.point(null);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  canvas.addEventListener("blur", () => on.point(null));
}
