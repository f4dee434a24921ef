/* What a pen does, as points in the unit square, and when they are told to the kernel. Pure. */

export const NEAR = 0.008; // points nearer than this to the last one are left out
const FULL = 200; // points in one message at most

const within = (v) => Math.min(1, Math.max(0, v));

export class Pen {
  // send(name, value): "begin" with [x, y], then "extend" with [x, y, x, y, ...].
  constructor(send) {
    this.send = send;
    this.strokes = [];
    this.queue = [];
    this.down = false;
  }

  begin(x, y) {
    this.flush();
    this.down = true;
    const point = [within(x), within(y)];
    this.strokes.push([point]);
    this.send("begin", point);
  }

  // Returns whether the point was taken.
  extend(x, y) {
    if (!this.down) return false;
    const point = [within(x), within(y)];
    const stroke = this.strokes.at(-1);
    const last = stroke.at(-1);
    if (Math.hypot(point[0] - last[0], point[1] - last[1]) < NEAR) return false;
    stroke.push(point);
    this.queue.push(...point);
    if (this.queue.length >= 2 * FULL) this.flush();
    return true;
  }

  flush() {
    if (this.queue.length) this.send("extend", this.queue);
    this.queue = [];
  }

  end() {
    this.flush();
    this.down = false;
  }

  clear() {
    [this.queue, this.down, this.strokes] = [[], false, []];
  }

  // Take the strokes of a frame: points one behind the other, and the length of each stroke.
  adopt(points, lengths) {
    let at = 0;
    this.strokes = lengths.map((length) => {
      const stroke = [];
      for (let i = 0; i < length; i++, at++) stroke.push([points[2 * at], points[2 * at + 1]]);
      return stroke;
    });
  }
}
