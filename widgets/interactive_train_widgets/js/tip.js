/* The table at the crosshair: the values of all curves at a step, and who intervened there. */

import { h, mark, show } from "./dom.js";
import { spot } from "./placing.js";
import { grouped } from "./format.js";

const WIDE = 70; // letters' heights: in a wider card the table goes with the crosshair
const LINE = 1.55; // letters' heights of a row
const TERSE = 3; // 1: without ranges, 2: without averages and titles, 3: names cut

export class Tip {
  constructor() {
    this.el = h("div", { class: "it-tip", hidden: true });
    this.place = null;
  }

  hide() {
    show(this.el, false);
  }

  // `read`: rows of [name, value, smoothed, colour, range]; `notes`: sentences.
  update(chart, step, read, notes, theme) {
    const { el } = this;
    const { box } = chart;
    show(el, true);
    const most = Math.max(2, Math.floor((box.y1 - box.y0) / (theme.size * LINE)) - 2 - notes.length);
    const shown = read.length > most ? read.slice(0, most - 1) : read;
    const average = read.some((row) => row[2]);
    const rows = shown.map(([name, value, smooth, colour, range]) =>
      h("tr", {}, h("th", { scope: "row" }, h("i", { style: `background:${colour}` }), name), h("td", {}, value, h("span", { class: "it-range" }, range)),
        average ? h("td", { class: "it-average" }, smooth) : null));
    const title = (text) => h("th", { scope: "col", class: text === "smoothed" ? "it-average" : "" }, text);
    const titles = h("tr", { class: "it-titles" }, ...["", "value", ...(average ? ["smoothed"] : [])].map(title));
    const rest = read.length - shown.length;
    el.replaceChildren(h("b", {}, `step ${grouped(step)}`), h("table", {}, titles, ...rows),
      ...(rest ? [`and ${rest} more`] : []), ...notes.map((text) => h("div", { class: "it-note" }, text)));
    this.settle(chart, step, shown.length, theme);
  }

  // As terse as it must be to leave the crosshair free on either side, then to its place.
  settle(chart, step, count, theme) {
    const { el } = this;
    const card = el.parentNode.clientWidth;
    const { offsetLeft: dx, offsetTop: dy } = chart.canvas.parentNode;
    const { box } = chart;
    const state = `${card} ${count} ${theme.size}`;
    if (state !== this.state) [this.state, this.terse] = [state, 0];
    const dress = () => {
      mark(el, "data-terse", this.terse);
      el.classList.toggle("it-terse", this.terse > 1);
    };
    el.style.maxHeight = `${Math.round(box.y1 - box.y0)}px`;
    dress();
    while (el.offsetWidth > card / 2 - 20 && this.terse < TERSE) {
      this.terse++;
      dress();
    }
    const size = { width: el.offsetWidth, height: el.offsetHeight };
    const room = { left: 4, right: card - 4, top: dy + box.y0 + 2, bottom: dy + box.y1 - 2 };
    const lines = chart.model.lines.map(({ xs, ys, alpha = 1, from = -Infinity }) => ({
      xs: Array.from(xs, (x) => dx + chart.x(x)), ys: Array.from(ys, (y, i) => (xs[i] < from ? NaN : dy + chart.y(y))), weight: alpha,
    }));
    this.place = spot(size, room, dx + chart.x(step), lines, this.place?.name, card > WIDE * theme.size);
    el.style.transform = `translate(${Math.round(this.place.x)}px, ${Math.round(this.place.y)}px)`;
  }
}
