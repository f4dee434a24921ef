/* A row of small pictures of one size. Those that can be picked are radio buttons: Tab goes to the
picked one, cursor keys pick its neighbours. */

import { h, mark, show } from "../dom.js";
import { paint, tileSize } from "./pixels.js";

const [GAP, FRAME, SMALLEST] = [3, 8, 32]; // CSS pixels

// CSS pixels of a tile where `fit` stand beside each other; half as many where it is narrow. Pure.
export function roomBeside(width, fit) {
  const room = Math.floor((width + GAP) / fit) - FRAME - GAP;
  return room >= SMALLEST || fit < 5 ? Math.max(room, SMALLEST) : roomBeside(width, Math.ceil(fit / 2));
}

export class TileRow {
  // pick: what to call with a tile's number, or null; hover: with (number, row, column) or null;
  // wanted: CSS pixels of a tile.
  constructor({ label, pick = null, hover = null, wanted = 48 }) {
    [this.pick, this.hover, this.wanted, this.tiles, this.label] = [pick, hover, wanted, [], label];
    this.el = h("div", { class: "itp-tiles", role: pick ? "radiogroup" : "group", "aria-label": label });
    if (pick) this.el.addEventListener("keydown", (event) => this.move(event));
  }

  move(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const at = this.tiles.findIndex((tile) => tile.el === event.target);
    if (!step || at < 0) return;
    event.preventDefault();
    event.stopPropagation();
    const next = (at + step + this.count) % this.count;
    this.pick(next);
    this.tiles[next].el.focus();
  }

  tile(number) {
    const canvas = h("canvas", { class: "itp-tile" });
    if (!this.pick) mark(canvas, "role", "img");
    const el = this.pick
      ? h("button", { type: "button", class: "itp-pick", role: "radio", "aria-checked": "false", onclick: () => this.pick(number) }, canvas)
      : canvas;
    if (this.hover) {
      canvas.addEventListener("pointermove", (event) => {
        const { left, top, width, height } = canvas.getBoundingClientRect();
        const row = Math.floor(((event.clientY - top) / height) * canvas.height);
        const column = Math.floor(((event.clientX - left) / width) * canvas.width);
        if (row >= 0 && column >= 0 && row < canvas.height && column < canvas.width) this.hover(number, row, column);
      });
      canvas.addEventListener("pointerleave", () => this.hover(null));
    }
    return { el, canvas };
  }

  // bytes: count pictures of rows by columns, one behind the other; name(number) for a reader; fit:
  // how many tiles shall have room beside each other, if they can.
  update({ bytes, count, rows, columns, colours, picked = -1, fit = 0, name, label = this.label }) {
    const tables = Array.isArray(colours) ? colours : null;
    this.count = count;
    mark(this.el, "aria-label", label);
    while (this.tiles.length < count) {
      const tile = this.tile(this.tiles.length);
      this.tiles.push(tile);
      this.el.append(tile.el);
    }
    const wanted = fit ? Math.min(this.wanted, roomBeside(this.el.clientWidth, fit)) : this.wanted;
    const { width, height } = tileSize(rows, columns, wanted);
    this.tiles.forEach(({ el, canvas }, i) => {
      show(el, i < count);
      if (i >= count) return;
      paint(canvas, bytes.subarray(i * rows * columns, (i + 1) * rows * columns), rows, columns, tables ? tables[i] : colours);
      if (canvas.itSize !== `${width},${height}`) {
        canvas.itSize = `${width},${height}`;
        [canvas.style.width, canvas.style.height] = [`${width}px`, `${height}px`];
      }
      mark(el, "aria-label", name(i));
      if (!this.pick) return mark(el, "data-picked", i === picked);
      mark(el, "aria-checked", i === picked);
      mark(el, "tabindex", i === picked || (picked < 0 && i === 0) ? 0 : -1);
    });
  }
}
