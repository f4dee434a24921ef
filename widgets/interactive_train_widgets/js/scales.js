/* Axes: ticks, pixel mapping, and ranges that do not jump. Pure. */

// 1, 2 or 5 times a power of ten, not below `raw`.
export function niceStep(raw) {
  const power = 10 ** Math.floor(Math.log10(raw));
  const part = (raw / power) * (1 - 1e-9);
  return (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10) * power;
}

// About `count` round values inside [low, high].
export function linearTicks(low, high, count) {
  if (!(high > low)) return [low];
  const step = niceStep((high - low) / Math.max(1, count));
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) {
    ticks.push(Number((i * step).toPrecision(12)));
  }
  return ticks;
}

// About `count` values of 1, 2, 5 times powers of ten inside [low, high].
export function logTicks(low, high, count) {
  const decades = Math.log10(high / low);
  const parts = decades * 3 <= count * 1.2 ? [1, 2, 5] : decades * 2 <= count * 1.2 ? [1, 3] : [1];
  const every = parts.length > 1 ? 1 : Math.max(1, Math.ceil(decades / count));
  const ticks = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++) {
    if (parts.length === 1 && ((e % every) + every) % every) continue;
    for (const part of parts) {
      const value = Number(`${part}e${e}`);
      if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) ticks.push(value);
    }
  }
  return ticks.length > 1 ? ticks : linearTicks(low, high, count);
}

// A function from a value to a pixel, and its inverse.
export function mapping(low, high, from, to, log = false) {
  const f = log ? (v) => Math.log(Math.max(v, 1e-300)) : (v) => v;
  const [a, b] = [f(low), f(high)];
  const span = b - a || 1;
  const map = (v) => from + ((f(v) - a) / span) * (to - from);
  map.invert = (p) => {
    const v = a + ((p - from) / (to - from)) * span;
    return log ? Math.exp(v) : v;
  };
  return map;
}

// The range of an axis around the data, with round ends.
export function roundRange(low, high, log) {
  if (log) {
    const down = 10 ** Math.floor(Math.log10(low));
    const up = 10 ** Math.floor(Math.log10(high) + 1e-12);
    const ends = [1, 2, 5, 10];
    return [
      down * ends.findLast((e) => e * down <= low * 1.0001),
      up * (ends.find((e) => e * up >= high * 0.9999) ?? 10),
    ];
  }
  if (low === high) [low, high] = [low - (Math.abs(low) || 1) * 0.5, high + (Math.abs(high) || 1) * 0.5];
  const step = niceStep((high - low) / 5);
  return [Math.floor(low / step + 1e-9) * step, Math.ceil(high / step - 1e-9) * step];
}

// Keep the range that stands unless data leave it or use less than half of it.
export function holdRange(now, low, high, log) {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return now ?? (log ? [0.1, 1] : [0, 1]);
  const size = (a, b) => (log ? Math.log(b / a) : b - a);
  const fits = now && (!log || now[0] > 0) && low >= now[0] && high <= now[1];
  if (fits && size(low, high) >= 0.5 * size(...now)) return now;
  const next = roundRange(low, high, log);
  // A tighter round range that is hardly smaller is not worth a jump.
  return fits && size(...next) > 0.75 * size(...now) ? now : next;
}

// Places for labels of height `gap` near ascending `ys`, from `top` to `bottom` without overlap; as
// many as fit, from the top.
export function apart(ys, top, bottom, gap) {
  const count = Math.min(ys.length, Math.floor((bottom - top) / gap + 1e-9));
  const out = ys.slice(0, count);
  for (let i = 0; i < count; i++) {
    out[i] = Math.max(out[i], i ? out[i - 1] + gap : top + gap / 2);
  }
  for (let i = count - 1, limit = bottom - gap / 2; i >= 0; i--, limit = out[i + 1] - gap) {
    out[i] = Math.min(out[i], limit);
  }
  return out;
}

// Labels in groups that share some of their width.
export function columnsOf(labels) {
  const columns = [];
  let right = -Infinity;
  for (const label of [...labels].sort((a, b) => a.left - b.left)) {
    if (label.left >= right) columns.push([]);
    columns.at(-1).push(label);
    right = Math.max(right, label.right);
  }
  return columns;
}

// The right end of the step axis: room for the future, in few large moves.
export function horizon(now, first, step, last, whole) {
  if (whole && last !== null) return last;
  const used = Math.max(step - first, 1);
  const end = now === null ? null : now - first;
  let next = end;
  if (end === null || used > 0.97 * end || used < 0.4 * end) {
    next = Math.max(20, niceStep((used * 1.25) / 8) * Math.ceil((used * 1.25) / niceStep((used * 1.25) / 8)));
  }
  const limit = last === null ? Infinity : Math.max(last, step) - first;
  return first + Math.min(next, limit > 0 ? limit : next);
}
