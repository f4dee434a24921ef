/* A small histogram as a drawing of one path, and the same in words. */

import { h, mark } from "./dom.js";
import { grouped, short } from "./format.js";

const [WIDTH, HEIGHT] = [24, 12];

// Heights are square roots of counts: rare numbers stay visible beside common ones. Pure.
export function outline(counts) {
  const most = Math.max(1, ...counts);
  const step = WIDTH / counts.length;
  const tops = counts.map((n, i) => `L${i * step} ${(HEIGHT * (1 - Math.sqrt(n / most))).toFixed(2)}h${step}`);
  return `M0 ${HEIGHT}${tops.join("")}V${HEIGHT}z`;
}

// Where 0 lies between the ends, as a part of the width; null outside. Pure.
export function zeroAt({ start, stop }) {
  return start < 0 && stop > 0 ? -start / (stop - start) : null;
}

// A distribution in words. Pure.
export function inWords(d) {
  if (d.mean === null) return `${grouped(d.size)} numbers, none is finite`;
  const parts = [`mean ${short(d.mean)}, standard deviation ${short(d.std)}, from ${short(d.low)} to ${short(d.high)}`];
  if (d.zeros >= 0.1 * d.size) parts.push(`${Math.round((100 * d.zeros) / d.size)} % are 0`);
  const outside = d.below + d.above;
  if (outside) parts.push(`drawn from ${short(d.start)} to ${short(d.stop)}, ${grouped(d.below)} below and ${grouped(d.above)} above`);
  if (d.nans) parts.push(`${grouped(d.nans)} NaN`);
  if (d.infinities) parts.push(`${grouped(d.infinities)} infinite`);
  return parts.join("; ");
}

export class Histogram {
  constructor(kind) {
    const holder = h("span", { class: `it-hist-${kind}` });
    holder.innerHTML = `<svg class="it-hist" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img"><title></title><path class="it-bars"/><path class="it-zero"/></svg>`;
    this.el = holder;
    this.svg = holder.firstChild;
    [this.title, this.bars, this.zero] = this.svg.children;
  }

  // Show a distribution; `what` says of what, and null shows nothing.
  update(d, what) {
    this.el.style.visibility = d && d.mean !== null ? "" : "hidden";
    if (!d || d === this.shown) return;
    this.shown = d;
    const text = `${what}: ${inWords(d)}`;
    mark(this.svg, "aria-label", text);
    this.title.textContent = text;
    mark(this.bars, "d", outline(d.counts));
    const at = zeroAt(d);
    mark(this.zero, "d", at === null ? "" : `M${(at * WIDTH).toFixed(2)} 0V${HEIGHT}`);
  }
}
