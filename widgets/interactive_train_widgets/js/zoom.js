/* The steps that a chart shows: zoomed, moved, held inside what there is. Pure. */

const NARROWEST = 4; // steps
const NARROW = 0.02; // of the width: fingers are never nearer to each other

const inLog = (log) => (log ? [(v) => Math.log(Math.max(v, 1e-9)), Math.exp] : [(v) => v, (v) => v]);

// A range inside [low, high]: moved where it sticks out, null where it is all of it.
export function fitted([from, to], [low, high]) {
  let width = Math.max(to - from, NARROWEST);
  if (width >= (high - low) * 0.999) return null;
  from = Math.min(Math.max(from, low), high - width);
  return [from, from + width];
}

// Closer (factor below 1) or farther, with the step `centre` kept in its place.
export function zoomed(range, centre, factor, limits, log = false) {
  const [f, back] = inLog(log);
  const end = (v) => back(f(centre) + (f(v) - f(centre)) * factor);
  return fitted([end(range[0]), end(range[1])], limits);
}

// Moved by a part of its width.
export function panned(range, part, limits, log = false) {
  const [f, back] = inLog(log);
  const by = (f(range[1]) - f(range[0])) * part;
  const next = [back(f(range[0]) + by), back(f(range[1]) + by)];
  if (log && (next[0] < limits[0] || next[1] > limits[1])) return range;
  return fitted(next, limits) ?? range;
}

// What was under two fingers (parts of the width) stays under them.
export function pinched(range, before, now, limits, log = false) {
  const [f, back] = inLog(log);
  const [low, high] = range.map(f);
  const apart = (parts) => Math.max(Math.abs(parts[1] - parts[0]), NARROW);
  const width = ((high - low) * apart(before)) / apart(now);
  const middle = low + ((high - low) * (before[0] + before[1])) / 2;
  const from = middle - (width * (now[0] + now[1])) / 2;
  return fitted([back(from), back(from + width)], limits);
}

// What the kernel is asked for: half a picture more, so that a small move shows no gap.
export function asked(range, [low, high]) {
  if (!range) return null;
  const more = (range[1] - range[0]) / 4;
  return [Math.floor(Math.max(low, range[0] - more)), Math.ceil(Math.min(high, range[1] + more))];
}
