/* Where the table at the crosshair stands: where it hides least, and never the crosshair. Pure. */

const GAP = 12; // pixels beside the crosshair that stay free
const NEAR = 24; // from the crosshair to a table that goes with it
const STAY = 30; // pixels of curves for which a table does not change its place

// How many pixels of lines, along the steps, a box hides. Lines: {xs, ys, weight}, in pixels.
export function under(lines, { x, y, width, height }) {
  let sum = 0;
  for (const { xs, ys, weight } of lines) {
    for (let i = 1; i < xs.length; i++) {
      const [a, b] = [Math.max(xs[i - 1], x), Math.min(xs[i], x + width)];
      if (!(a < b)) continue;
      const slope = (ys[i] - ys[i - 1]) / (xs[i] - xs[i - 1]);
      const [from, to] = [ys[i - 1] + (a - xs[i - 1]) * slope, ys[i - 1] + (b - xs[i - 1]) * slope];
      if (Math.max(from, to) >= y && Math.min(from, to) <= y + height) sum += weight * (b - a);
    }
  }
  return sum;
}

// The place of a box of this size: at a side of the room, or, `beside`, next to the crosshair. It
// stays at `before`, the name of a place, unless another one hides much less.
export function spot({ width, height }, room, cross, lines, before, beside) {
  const sides = {
    right: beside ? cross + NEAR : room.right - width,
    left: beside ? cross - NEAR - width : room.left,
  };
  const heights = { top: room.top, bottom: room.bottom - height };
  const all = Object.entries(sides).flatMap(([side, x]) =>
    Object.entries(heights).map(([end, y]) => ({ name: `${side} ${end}`, x, y, width, height })));
  const apart = (box) => Math.max(box.x - cross, cross - box.x - width);
  const fits = (box) => apart(box) >= GAP && box.x >= room.left && box.x + width <= room.right;
  let free = all.filter(fits);
  if (!free.length) {
    const side = room.right - cross >= cross - room.left ? "right" : "left";
    const x = side === "right" ? room.right - width : room.left;
    free = all.filter((box) => box.name.startsWith(side)).map((box) => ({ ...box, x }));
  }
  const costs = free.map((box) => under(lines, box));
  const best = costs.indexOf(Math.min(...costs));
  const kept = free.findIndex((box) => box.name === before);
  return free[kept >= 0 && costs[kept] <= costs[best] + STAY ? kept : best];
}
