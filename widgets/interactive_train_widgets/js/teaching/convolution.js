/* Filters and activations: a block for each convolution, a row of maps for each stage in it. */

import { h, mark, put } from "../dom.js";
import { short } from "../format.js";
import { ClassBars } from "./bars.js";
import { palettes, signedRamp, signedValue } from "./pixels.js";
import { TileRow } from "./tiles.js";
import { RunButtons, TeachingCard } from "./view.js";

const SOURCE = 128; // CSS pixels of the input
const TILE = 64;
const BESIDE = 16; // tiles of a row, if there is room

// The words for one value under the pointer. Pure.
export function reading(name, channel, row, column, value) {
  const shown = value === null ? "not a number" : short(value);
  return `${name}, channel ${channel}, row ${row}, column ${column}: ${shown}`;
}

class Stage {
  constructor(view, block, number) {
    [this.view, this.block, this.number] = [view, block, number];
    this.name = h("span", { class: "itp-row-name" });
    this.scale = h("span", { class: "it-sub it-number" });
    const hover = (tile, row, column) => this.read(tile, row, column);
    this.tiles = new TileRow({ label: "", pick: (channel) => block.pick(channel), hover, wanted: TILE });
    this.el = h("div", { class: "itp-row" }, h("div", { class: "itp-row-head" }, this.name, this.scale), this.tiles.el);
  }

  read(tile, row, column) {
    if (tile === null) return this.view.read("");
    const [, rows, columns] = this.shape;
    const byte = this.bytes[(tile * rows + row) * columns + column];
    this.view.read(reading(this.title, tile, row, column, signedValue(byte, this.about.scale)));
  }

  update(about, array, colours, picked, fit) {
    [this.about, this.shape, this.bytes] = [about, array.shape, array.data];
    const [count, rows, columns] = array.shape;
    this.title = `${about.path || "model"} ${about.name}`;
    put(this.name, about.name);
    put(this.scale, `±${short(about.scale)}`);
    const more = about.total > count ? `, the first ${count} of ${about.total}` : "";
    this.tiles.update({
      bytes: array.data, count, rows, columns, colours, picked, fit,
      label: `${this.title}: ${rows} by ${columns} maps${more}`, name: (i) => `Channel ${i}`,
    });
  }
}

class Block {
  constructor(view) {
    [this.view, this.picked, this.stages] = [view, 0, []];
    this.title = h("h4", {});
    this.about = h("span", { class: "it-sub" });
    this.filterName = h("span", { class: "itp-row-name" }, "filters");
    this.filterScale = h("span", { class: "it-sub it-number" });
    this.filters = new TileRow({ label: "Filters", hover: (tile, row, column) => this.read(tile, row, column), wanted: 39 });
    this.rows = h("div", {}, h("div", { class: "itp-row itp-filters" },
      h("div", { class: "itp-row-head" }, this.filterName, this.filterScale), this.filters.el));
    this.el = h("section", { class: "itp-block" }, h("div", { class: "itp-block-head" }, this.title, this.about), this.rows);
  }

  pick(channel) {
    this.picked = channel;
    this.view.card.redraw();
  }

  read(tile, row, column) {
    if (tile === null) return this.view.read("");
    const [, inputs, rows, columns] = this.shape;
    const [channel, input] = inputs === 1 ? [tile, 0] : [this.picked, tile];
    const byte = this.bytes[((channel * inputs + input) * rows + row) * columns + column];
    const value = signedValue(byte, this.scale);
    this.view.read(reading(`Filter of channel ${channel} on input`, input, row, column, value).replace("input, channel", "input"));
  }

  update(about, arrays, tables, fit) {
    const { shape, data } = arrays[about.filters.array];
    const [channels, inputs, rows, columns] = shape;
    [this.shape, this.bytes, this.scale] = [shape, data, about.filters.scale];
    this.picked = Math.min(this.picked, channels - 1);
    put(this.title, about.path || "model");
    put(this.about, about.about.replace(" x ", " × "));
    put(this.filterScale, `±${short(about.filters.scale)}`);
    put(this.filterName, inputs === 1 ? "filters" : `filter ${this.picked}`);
    const size = inputs * rows * columns;
    const own = inputs === 1 ? data : data.subarray(this.picked * size, (this.picked + 1) * size);
    this.filters.update({
      bytes: own, count: inputs === 1 ? channels : inputs, rows, columns, colours: tables.signed,
      picked: inputs === 1 ? this.picked : -1,
      label: inputs === 1 ? `Filters of ${about.path}` : `Filter ${this.picked} of ${about.path}, a tile for each input channel`,
      name: (i) => (inputs === 1 ? `Filter of channel ${i}` : `Weights for input channel ${i}`),
    });
    while (this.stages.length < about.stages.length) {
      const stage = new Stage(this.view, this, this.stages.length);
      this.stages.push(stage);
      this.rows.append(stage.el);
    }
    about.stages.forEach((stage, i) => this.stages[i].update(stage, arrays[stage.array], tables.signed, this.picked, fit));
  }
}

class ConvolutionPart {
  constructor(card) {
    [this.card, this.blocks, this.buttons] = [card, [], new RunButtons(card)];
    const { pictures } = card.options;
    this.input = new TileRow({ label: "The picture that the net sees", wanted: SOURCE });
    this.bars = new ClassBars();
    this.number = h("output", { class: "it-number" }, "0");
    this.slider = h("input", {
      type: "range", class: "it-slider", min: 0, max: pictures - 1, step: 1, value: 0, "aria-label": "Picture",
      oninput: () => this.choose(),
    });
    const chooser = pictures > 1
      ? h("div", { class: "itp-chooser" }, h("div", { class: "it-ends" }, h("span", {}, "picture"), this.number), this.slider)
      : null;
    this.list = h("div", { class: "itp-blocks" });
    this.line = h("div", { class: "itp-readout it-number" });
    this.key = h("span", { class: "itp-key", "aria-hidden": "true" });
    const legend = h("div", { class: "itp-legend" }, h("span", {}, "below zero"), this.key, h("span", {}, "above zero"));
    card.body.append(
      h("div", { class: "itp-conv" }, h("div", { class: "itp-source" }, this.input.el, chooser, this.bars.el), this.list),
      h("div", { class: "itp-foot" }, legend, this.line),
    );
  }

  choose() {
    put(this.number, this.slider.value);
    this.card.choose("picture", Number(this.slider.value));
  }

  read(text) {
    put(this.line, text);
  }

  draw({ data, arrays, run }, theme) {
    this.buttons.update(run);
    if (this.theme !== theme) {
      [this.theme, this.tables] = [theme, palettes(theme)];
      this.key.style.background = signedRamp(this.tables);
    }
    if (document.activeElement !== this.slider) {
      this.slider.value = data.picture;
      put(this.number, data.picture);
    }
    const { shape, data: bytes } = arrays.input;
    const signed = bytes.some((byte) => byte < 128);
    this.input.wanted = SOURCE / Math.min(shape[0], 2);
    this.input.update({
      bytes, count: shape[0], rows: shape[1], columns: shape[2], colours: signed ? this.tables.signed : this.tables.positive,
      name: (i) => (shape[0] > 1 ? `Input channel ${i}` : "Input"),
    });
    this.bars.el.hidden = !arrays.chances;
    if (arrays.chances) this.bars.update(data.classes, arrays.chances.data, data.best);
    while (this.blocks.length < data.blocks.length) {
      const block = new Block(this);
      this.blocks.push(block);
      this.list.append(block.el);
    }
    const most = Math.max(...data.blocks.map((block) => arrays[block.filters.array].shape[0]));
    const fit = Math.max(6, Math.min(BESIDE, most));
    data.blocks.forEach((block, i) => this.blocks[i].update(block, arrays, this.tables, fit));
    mark(this.card.root, "data-picture-number", data.picture);
  }
}

export default {
  render({ model, el }) {
    return new TeachingCard(model, el, (card) => new ConvolutionPart(card)).connect();
  },
};
