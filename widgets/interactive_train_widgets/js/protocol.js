/* Frames in, messages out: see frames.py and messages.py for the other end. Pure. */

// A typed array over a buffer of any alignment.
export function typed(Kind, view) {
  if (!view) return new Kind(0);
  const { buffer, byteOffset = 0, byteLength } = view.buffer ? view : new DataView(view);
  const count = Math.floor(byteLength / Kind.BYTES_PER_ELEMENT);
  if (byteOffset % Kind.BYTES_PER_ELEMENT === 0) return new Kind(buffer, byteOffset, count);
  return new Kind(buffer.slice(byteOffset, byteOffset + count * Kind.BYTES_PER_ELEMENT));
}

// Give every curve of a head its arrays.
export function decode(head, buffers, Kind = Float32Array) {
  const steps = typed(Float64Array, buffers[0]);
  const values = typed(Kind, buffers[1]);
  for (const curve of head.curves) {
    const { at, values: from, count } = curve;
    curve.steps = steps.subarray(at, at + count);
    curve.mean = values.subarray(from, from + count);
    const wide = curve.size > 1;
    curve.low = wide ? values.subarray(from + count, from + 2 * count) : curve.mean;
    curve.high = wide ? values.subarray(from + 2 * count, from + 3 * count) : curve.mean;
  }
  return head;
}

// Head and buffers of a frame that was saved with the notebook, or null.
export function unpack(bytes) {
  if (!bytes || bytes.byteLength < 12) return null;
  const view = bytes.buffer ? new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new DataView(bytes);
  if (view.getUint32(0) !== 0x49545731) return null; // "ITW1"
  const [size, first] = [view.getUint32(4, true), view.getUint32(8, true)];
  const part = (from, length) => new DataView(view.buffer, view.byteOffset + from, length);
  const head = JSON.parse(new TextDecoder().decode(part(12, size)));
  const rest = 12 + size + first;
  return [head, [part(12 + size, first), part(rest, view.byteLength - rest)]];
}

export function thaw(bytes) {
  const saved = unpack(bytes);
  return saved && decode(...saved);
}

// The bucket that holds a step; -1 before the first.
export function bucketAt(curve, step) {
  let [low, high] = [0, curve.steps.length - 1];
  if (high < 0 || step < curve.steps[0]) return -1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (curve.steps[middle] <= step) low = middle;
    else high = middle - 1;
  }
  return low;
}

// The step where a bucket is drawn: its middle.
export function middles(curve) {
  const { steps, size, last } = curve;
  if (size === 1) return steps;
  const out = new Float64Array(steps.length);
  for (let i = 0; i < steps.length; i++) {
    out[i] = i + 1 < steps.length ? (steps[i] + steps[i + 1] - 1) / 2 : (steps[i] + last) / 2;
  }
  return out;
}

const MARKED = new Set(["adjust", "release", "freeze", "thaw", "assign", "undo", "set_batch_size"]);

// Interventions on the training itself, numbered; pauses and paces are not among them.
export function interventions(journal) {
  return journal.filter((e) => MARKED.has(e.kind)).map((entry, i) => ({ number: i + 1, step: entry.step, entry }));
}

// The learning rate whose course a run records; in a chain with several, the first.
export function mainRate(knobs) {
  return knobs.find((k) => !k.path && /(^|__)lr$/.test(k.name));
}

// A name that no other view and no other message has.
export function unique() {
  return Math.random().toString(36).slice(2, 10);
}
