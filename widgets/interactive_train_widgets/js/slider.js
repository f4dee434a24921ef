/* A knob's slider: positions from 0 to 1, values, keys, and what a typed number must be. Pure. */

const round = (value, digits = 3) => Number(value.toPrecision(digits));

// What the slider covers: its declared range, widened by the value that stands.
export function sliderRange(knob, before = null) {
  let [low, high] = knob.slider ?? [knob.low, knob.high];
  const around = knob.default || knob.effective || 1;
  if (low === null || (knob.log && low <= 0)) low = knob.log ? Math.abs(around) / 1000 : Math.min(0, around);
  if (high === null) high = knob.log ? Math.abs(around) * 1000 : Math.max(1, 2 * around);
  if (before && before.log === knob.log) [low, high] = [Math.min(low, before.low), Math.max(high, before.high)];
  const value = knob.effective;
  if (Number.isFinite(value) && value !== null) {
    if (value > high) high = value;
    if (value < low && (!knob.log || value > 0)) low = value;
  }
  return { low, high, log: knob.log };
}

export function toPosition(range, value) {
  const { low, high, log } = range;
  const part = log
    ? Math.log(Math.max(value, low) / low) / Math.log(high / low)
    : (value - low) / (high - low);
  return Math.min(1, Math.max(0, Number.isFinite(part) ? part : 0));
}

// Three significant digits: nobody means 2.98734e-4.
export function toValue(range, position) {
  const { low, high, log } = range;
  if (position <= 0) return low;
  if (position >= 1) return high;
  return log ? round(low * (high / low) ** position) : round(low + (high - low) * position);
}

// The value after a key: arrows 5 % or a hundredth, page keys a factor of 2 or a tenth.
export function keyed(range, value, key) {
  const { low, high, log } = range;
  const sign = { ArrowRight: 1, ArrowUp: 1, PageUp: 1, ArrowLeft: -1, ArrowDown: -1, PageDown: -1 }[key];
  if (key === "Home") return low;
  if (key === "End") return high;
  if (!sign) return null;
  const page = key.startsWith("Page");
  let next;
  if (log) {
    const from = Math.max(value, low);
    next = value < low ? low : from * (page ? 2 : 1.05) ** sign;
  } else {
    next = value + sign * (high - low) * (page ? 0.1 : 0.01);
  }
  return round(Math.min(high, Math.max(low, next)), 4);
}

// What a move does to a knob: set it, multiply its schedule, or hold it, since a factor moves no 0.
export function meaning(knob, mode) {
  if (!knob.scheduled || mode === "hold") return "set";
  return knob.effective > 0 ? "scale" : "hold";
}

// A typed number; NaN when it is none.
export function parseNumber(text) {
  const clean = text.trim().replace(",", ".").replace("−", "-").replace(/[\s\u2009]/g, "");
  return clean === "" ? NaN : Number(clean);
}

// What is wrong with a value for a knob, in words; empty when nothing is.
export function complaint(knob, value, text) {
  if (!Number.isFinite(value)) return `not a number: ${text}`;
  const low = knob.low !== null && (value < knob.low || (knob.openLow && value === knob.low));
  const high = knob.high !== null && (value > knob.high || (knob.openHigh && value === knob.high));
  return low || high ? `must lie in ${knob.interval}` : "";
}
