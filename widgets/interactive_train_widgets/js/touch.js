/* Fingers on a chart: one reads, one that rests first chooses a range, two zoom and move. Up and down scroll the page. */

const HOLD = 450; // ms that a finger rests before it chooses
const STILL = 10; // pixels that a resting finger may move

// `on` as in gestures.js, and pinch(range, before, now): where fingers are, as parts of the width.
export function listenTouch(canvas, chart, on) {
  const fingers = new Map(); // where each one is, in pixels
  let one = null; // the first finger: {x, step, choosing}
  let two = null; // a pair: the range and the parts at its beginning
  let timer;
  const stepAt = (event) => chart.x.invert(event.offsetX);
  const parts = () => [...fingers.values()].slice(0, 2).map((x) => (x - chart.box.x0) / (chart.box.x1 - chart.box.x0));
  const rest = () => {
    clearTimeout(timer);
    if (one?.choosing) on.select(null);
    one = two = null;
  };
  const hear = (name, handler) => canvas.addEventListener(name, (event) => {
    if (event.pointerType === "touch" && chart.box) handler(event);
  });
  hear("pointerdown", (event) => {
    rest();
    if (event.isPrimary) fingers.clear(); // the first one: none that was lost is left
    fingers.set(event.pointerId, event.offsetX);
    if (fingers.size === 1) {
      const begun = { x: event.offsetX, step: stepAt(event), choosing: false };
      one = begun;
      timer = setTimeout(() => {
        begun.choosing = true;
        on.select([begun.step, begun.step]);
      }, HOLD);
    } else if (fingers.size === 2) {
      on.point(null);
      two = { range: [...chart.model.x], parts: parts() };
    }
  });
  hear("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    fingers.set(event.pointerId, event.offsetX);
    if (two) on.pinch(two.range, two.parts, parts());
    else if (one?.choosing) on.select([one.step, stepAt(event)]);
    else if (one) {
      if (Math.abs(event.offsetX - one.x) > STILL) clearTimeout(timer);
      on.point(stepAt(event));
    }
  });
  hear("pointerup", (event) => {
    fingers.delete(event.pointerId);
    const begun = one;
    rest();
    if (!begun) return;
    if (!begun.choosing) {
      canvas.focus({ preventScroll: true }); // the values stay until something else is touched
      on.point(stepAt(event));
    } else if (Math.abs(event.offsetX - begun.x) > STILL) {
      on.zoom([begun.step, stepAt(event)].sort((a, b) => a - b));
    }
  });
  hear("pointercancel", (event) => {
    fingers.delete(event.pointerId);
    if (one) on.point(null);
    rest();
  });
  canvas.addEventListener("touchmove", (event) => {
    if (one?.choosing || fingers.size > 1) event.preventDefault();
  }, { passive: false });
  canvas.addEventListener("contextmenu", (event) => {
    if (!fingers.size && event.pointerType !== "touch") return;
    event.preventDefault();
    event.stopPropagation();
  });
}
