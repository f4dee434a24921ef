/* A tile for each unit of the first layer, one enlarged, all on one signed scale. */

import { chip, h, mark, put } from "../dom.js";
import { grouped, short } from "../format.js";
import { paint, palettes, signedRamp, signedValue } from "./pixels.js";
import { TileRow } from "./tiles.js";
import { RunButtons, TeachingCard, pictureCanvas } from "./view.js";

const LARGE = 208; // CSS pixels of the enlarged unit
const TALL = 400; // of all units, if there is width for it
const SPACE = 11; // around a unit

// CSS pixels of a tile: the largest, of which all units fit into the width and the height. Pure.
export function unitSize(width, units) {
  for (let beside = 1; beside <= units; beside++) {
    const size = Math.min(96, Math.floor(width / beside) - SPACE);
    if (size < 24) break;
    const rows = Math.ceil(units / Math.floor(width / (size + SPACE)));
    if (rows * (size + SPACE) <= TALL) return size;
  }
  return 24;
}

class Layer {
  constructor(card) {
    [this.card, this.picked] = [card, null];
    this.buttons = new RunButtons(card);
    this.kinds = [
      [false, "Weights", "Show the weights"],
      [true, "Change", "Show how far they have moved"],
    ].map(([change, text, label]) => ({ change, el: chip(text, label, () => card.choose("change", change)) }));
    card.tools.append(h("div", { class: "it-group", role: "group", "aria-label": "What is shown" }, ...this.kinds.map((k) => k.el)));
    const hover = (unit, row, column) => this.read(unit, row, column);
    this.tiles = new TileRow({ label: "Units", pick: (unit) => this.pick(unit), hover });
    this.large = pictureCanvas(LARGE);
    this.large.classList.add("itp-tile");
    this.large.addEventListener("pointermove", (event) => {
      const { left, top, width, height } = this.large.getBoundingClientRect();
      this.read(this.picked, Math.floor(((event.clientY - top) / height) * this.large.height), Math.floor(((event.clientX - left) / width) * this.large.width));
    });
    this.large.addEventListener("pointerleave", () => this.read(null));
    this.unit = h("div", { class: "itt-name" });
    this.facts = h("div", { class: "it-sub it-number itt-facts" });
    this.low = h("span", { class: "it-number" });
    this.high = h("span", { class: "it-number" });
    this.line = h("div", { class: "itp-readout it-number" });
    this.key = h("span", { class: "itp-key", "aria-hidden": "true" });
    const scale = h("div", { class: "itp-legend itt-scale" }, this.low, this.key, this.high);
    card.body.append(
      h("div", { class: "itt-split itt-layer" }, this.tiles.el, h("div", { class: "itt-aside" }, this.unit, this.large, this.facts, scale, this.line)),
    );
  }

  pick(unit) {
    this.picked = unit;
    this.card.redraw();
  }

  read(unit, row, column) {
    if (unit === null) return put(this.line, "");
    const [, rows, columns] = this.shape;
    if (!(row >= 0 && row < rows && column >= 0 && column < columns)) return;
    const value = signedValue(this.bytes[(unit * rows + row) * columns + column], this.data.scale);
    put(this.line, `unit ${unit}, row ${row}, column ${column}: ${value === null ? "not a number" : short(value)}`);
  }

  draw({ data, arrays, run }, theme) {
    this.buttons.update(run);
    if (this.theme !== theme) {
      [this.theme, this.tables] = [theme, palettes(theme)];
      this.key.style.background = signedRamp(this.tables);
    }
    const { shape, data: bytes } = arrays.pictures;
    [this.shape, this.bytes, this.data] = [shape, bytes, data];
    const [count, rows, columns] = shape;
    this.picked ??= data.norms.indexOf(Math.max(...data.norms)); // first the one that says most
    this.picked = Math.min(this.picked, count - 1);
    for (const kind of this.kinds) mark(kind.el, "aria-pressed", kind.change === data.change);
    this.tiles.wanted = unitSize(this.tiles.el.clientWidth, count);
    const more = data.units > count ? `, the first ${count} of ${data.units}` : "";
    this.tiles.update({ bytes, count, rows, columns, colours: this.tables.signed, picked: this.picked, label: `Units of ${data.path}${more}`, name: (i) => `Unit ${i}` });
    const size = rows * columns;
    paint(this.large, bytes.subarray(this.picked * size, (this.picked + 1) * size), rows, columns, this.tables.signed);
    const times = LARGE / Math.max(rows, columns);
    [this.large.style.width, this.large.style.height] = [`${columns * times}px`, `${rows * times}px`];
    put(this.unit, `Unit ${this.picked}${data.change ? `, change since step ${grouped(data.since)}` : ""}`);
    put(this.facts, `length ${short(data.norms[this.picked])}, moved ${short(data.moved[this.picked])} since step ${grouped(data.since)}`);
    put(this.low, `${data.beyond ? "≤ " : ""}−${short(data.scale)}`);
    put(this.high, `${data.beyond ? "≥ " : ""}${short(data.scale)}`);
  }
}

export default {
  render({ model, el }) {
    return new TeachingCard(model, el, (card) => new Layer(card)).connect();
  },
};
