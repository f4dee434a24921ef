/* Exponential moving average over buckets. Pure. */

// `means[i]` stands for `size` points (the last one for what remains of `total`): its weight is
// that of so many equal points, so a smooth curve looks alike at every decimation. The bias of
// the start is corrected; a missing value leaves a gap and keeps the memory. `before` is [average,
// weight] of what came before the first bucket.
export function smooth(means, size, total, alpha, before = [0, 0]) {
  const out = new Float64Array(means.length);
  const full = alpha ** size;
  let weight = before[1];
  let sum = before[0] * weight;
  for (let i = 0; i < means.length; i++) {
    const count = i === means.length - 1 ? total - size * i : size;
    const keep = count === size ? full : alpha ** count;
    if (Number.isFinite(means[i])) {
      sum = keep * sum + (1 - keep) * means[i];
      weight = keep * weight + (1 - keep);
      out[i] = sum / weight;
    } else {
      out[i] = NaN;
    }
  }
  return out;
}
