/* The attention map: tokens on both axes, heads as small pictures, the query's row on the text. */

import { h, mark, put, show } from "../dom.js";
import { palettes, ramp } from "./pixels.js";
import { TileRow } from "./tiles.js";
import { RunButtons, TeachingCard } from "./view.js";

const LARGEST = 520; // CSS pixels of the map's side
const CELL = [3, 30]; // CSS pixels of a cell, at least and at most

// A token as one can see it. Pure.
export const visible = (token) => token.replaceAll(" ", "␣").replaceAll("\n", "↵").replaceAll("\t", "⇥") || "∅";

// Whether a causal mask hides a key from a query. Pure.
export const hidden = (query, key, queries, keys, causal) => causal && key > query + keys - queries;

// Square roots: small weights stay visible beside large ones. Pure.
export const shaded = (weights) => Uint8Array.from(weights, (byte) => Math.round(Math.sqrt(byte * 255)));

// The largest weights of a row as [key, byte], the largest first. Pure.
export function strongest(row, count) {
  return Array.from(row, (byte, key) => [key, byte]).filter(([, byte]) => byte > 0)
    .sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, count);
}

const part = (byte) => (byte ? `${Math.round((100 * byte) / 255)} %` : "<1 %");

class AttentionPart {
  constructor(card) {
    [this.card, this.head, this.query, this.over] = [card, 0, null, null];
    this.layer = h("select", { class: "it-chooser", "aria-label": "Layer", onchange: () => card.choose("layer", Number(this.layer.value)) });
    this.buttons = new RunButtons(card);
    card.tools.append(h("label", { class: "itp-label" }, "Layer ", this.layer));
    this.heads = new TileRow({ label: "Heads", pick: (head) => this.pickHead(head), wanted: 96 });
    this.canvas = h("canvas", { role: "img", "data-picture": true, "aria-label": "Not drawn yet", class: "itp-map" });
    this.slider = h("input", { type: "range", class: "it-slider", min: 0, max: 1, step: 1, value: 0, "aria-label": "Query", oninput: () => this.pickQuery(Number(this.slider.value)) });
    this.strip = h("div", { class: "itp-strip" });
    this.asks = h("div", { class: "itp-asks" });
    this.line = h("div", { class: "itp-readout it-number" });
    this.key = h("span", { class: "itp-key", "aria-hidden": "true" });
    const legend = h("div", { class: "itp-legend" }, h("span", {}, "weight 0"), this.key, h("span", {}, "1"),
      (this.mask = h("span", { class: "itp-masked" }, h("i", { "aria-hidden": "true" }), "hidden by the causal mask")));
    [this.which, this.asked] = [h("h4", {}), h("h4", {})];
    card.body.append(h("div", { class: "itp-attention" },
      h("div", { class: "itp-map-side" }, this.canvas, legend, this.line),
      h("div", { class: "itp-attention-side" },
        this.which, this.heads.el,
        this.asked, this.slider, this.strip, this.asks)));
    this.canvas.addEventListener("pointermove", (event) => this.hover(this.cellAt(event)));
    this.canvas.addEventListener("pointerleave", () => this.hover(null));
    this.canvas.addEventListener("click", (event) => {
      const cell = this.cellAt(event);
      if (cell) this.pickQuery(cell[0]);
    });
  }

  pickHead(head) {
    this.head = head;
    this.card.redraw();
  }

  pickQuery(query) {
    this.query = query;
    this.card.redraw();
  }

  cellAt(event) {
    if (!this.box) return null;
    const { left, top } = this.canvas.getBoundingClientRect();
    const { x, y, cell } = this.box;
    const [key, query] = [Math.floor((event.clientX - left - x) / cell), Math.floor((event.clientY - top - y) / cell)];
    return query >= 0 && key >= 0 && query < this.queries && key < this.keys ? [query, key] : null;
  }

  hover(cell) {
    this.over = cell;
    this.tell();
    if (this.frame) this.map();
  }

  tell() {
    if (!this.over || !this.frame) return put(this.line, "");
    const [query, key] = this.over;
    const { labels, keys, causal } = this.frame.data;
    const value = hidden(query, key, this.queries, this.keys, causal) ? "hidden" : part(this.row(query)[key]);
    put(this.line, `“${visible(labels[query])}” (${query}) looks at “${visible(keys[key])}” (${key}): ${value}`);
  }

  row(query) {
    const from = (this.head * this.queries + query) * this.keys;
    return this.frame.arrays.weights.data.subarray(from, from + this.keys);
  }

  draw(frame, theme) {
    if (this.theme !== theme) {
      [this.theme, this.tables] = [theme, palettes(theme)];
      this.key.style.background = ramp(this.tables.weight, (part) => 255 * Math.sqrt(part));
    }
    this.frame = frame;
    const { data, arrays } = frame;
    this.buttons.update(frame.run);
    const [heads, queries, keys] = arrays.weights.shape;
    [this.queries, this.keys] = [queries, keys];
    this.head = Math.min(this.head, heads - 1);
    this.query = Math.min(this.query ?? queries - 1, queries - 1);
    this.layers(data);
    put(this.which, `Head ${this.head + 1} of ${heads}`);
    put(this.asked, `Query ${this.query} of ${queries - 1}`);
    show(this.mask, data.causal);
    mark(this.slider, "max", queries - 1);
    if (document.activeElement !== this.slider) this.slider.value = this.query;
    mark(this.slider, "aria-valuetext", `${visible(data.labels[this.query])}, position ${this.query}`);
    this.shades = shaded(arrays.weights.data);
    this.heads.update({
      bytes: this.shades, count: heads, rows: queries, columns: keys, colours: this.tables.weight, picked: this.head, fit: Math.min(4, heads),
      label: "Heads", name: (i) => `Head ${i + 1}`,
    });
    this.map();
    this.text();
    this.tell();
    mark(this.card.root, "data-layer", data.layer);
    mark(this.card.root, "data-head", this.head);
    mark(this.card.root, "data-query", this.query);
  }

  layers({ layers, layer }) {
    if (this.layer.options.length !== layers.length) {
      this.layer.replaceChildren(...layers.map((path, i) => h("option", { value: i }, path || "model")));
    }
    if (document.activeElement !== this.layer) this.layer.value = layer;
  }

  map() {
    const { canvas, theme, frame, queries, keys } = this;
    const { labels, keys: names, causal } = frame.data;
    const c = canvas.getContext("2d");
    const font = (bold) => `${bold ? "600 " : ""}${theme.size}px ${theme.font}`;
    c.font = font(true);
    const wide = (list) => Math.min(90, Math.max(...list.map((text) => c.measureText(visible(text)).width)));
    const room = canvas.parentElement.clientWidth;
    if (!room) return;
    const [left, tall] = [wide(labels) + theme.size + 16, wide(names) > theme.size * 1.4];
    const top = theme.size + 12 + (tall ? wide(names) : theme.size);
    const cell = Math.max(CELL[0], Math.min(CELL[1], Math.floor((Math.min(room, LARGEST + left) - left - 2) / Math.max(keys, queries))));
    const [width, height] = [left + keys * cell + 2, top + queries * cell + 2];
    const ratio = window.devicePixelRatio || 1;
    if (canvas.itSize !== `${width},${height},${ratio}`) {
      canvas.itSize = `${width},${height},${ratio}`;
      [canvas.width, canvas.height] = [width * ratio, height * ratio];
      [canvas.style.width, canvas.style.height] = [`${width}px`, `${height}px`];
    }
    this.box = { x: left, y: top, cell };
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, width, height);
    this.cells(c, causal);
    this.axes(c, font, tall, labels, names);
  }

  cells(c, causal) {
    const { queries, keys, theme } = this;
    const { x, y, cell } = this.box;
    const from = this.head * queries * keys;
    const table = this.tables.weight;
    const gap = cell >= 10 ? 1 : 0;
    for (let q = 0; q < queries; q++) {
      for (let k = 0; k < keys; k++) {
        if (hidden(q, k, queries, keys, causal)) continue;
        const byte = 4 * this.shades[from + q * keys + k];
        c.fillStyle = `rgb(${table[byte]},${table[byte + 1]},${table[byte + 2]})`;
        c.fillRect(x + k * cell, y + q * cell, cell - gap, cell - gap);
      }
    }
    if (causal) this.hatch(c);
    c.strokeStyle = theme.muted;
    c.globalAlpha = 0.5;
    c.lineWidth = 1;
    c.strokeRect(x - 0.5, y - 0.5, keys * cell + 1, queries * cell + 1);
    c.globalAlpha = 1;
    c.strokeStyle = theme.series[1];
    c.lineWidth = 2;
    c.strokeRect(x - 1, y + this.query * cell - 1, keys * cell + 2 - gap, cell + 2 - gap);
    if (!this.over) return;
    const [q, k] = this.over;
    c.strokeStyle = theme.text;
    c.lineWidth = 1.5;
    c.strokeRect(x + k * cell - 0.5, y + q * cell - 0.5, cell, cell);
  }

  // Stripes over what the mask hides: a stair above the diagonal.
  hatch(c) {
    const { queries, keys, theme } = this;
    const { x, y, cell } = this.box;
    c.save();
    c.beginPath();
    for (let q = 0; q < queries; q++) {
      const first = q + keys - queries + 1;
      if (first < keys) c.rect(x + first * cell, y + q * cell, (keys - first) * cell, cell);
    }
    c.clip();
    c.strokeStyle = theme.muted;
    c.globalAlpha = 0.35;
    c.lineWidth = 1;
    c.beginPath();
    const [wide, high] = [keys * cell, queries * cell];
    for (let d = 0; d < wide + high; d += 7) {
      c.moveTo(x + d, y);
      c.lineTo(x + d - high, y + high);
    }
    c.stroke();
    c.restore();
  }

  axes(c, font, tall, labels, names) {
    const { theme, queries, keys } = this;
    const { x, y, cell } = this.box;
    const every = Math.max(1, Math.ceil((theme.size * 1.05) / cell));
    c.textBaseline = "middle";
    c.textAlign = "right";
    const at = this.over?.[0] ?? this.query;
    const beside = (i, one) => i === one || (i % every === 0 && Math.abs(i - one) >= every);
    for (let q = 0; q < queries; q++) {
      if (!beside(q, at)) continue;
      c.font = font(q === at);
      c.fillStyle = q === at ? theme.text : theme.muted;
      c.fillText(visible(labels[q]), x - 6, y + (q + 0.5) * cell, 90);
    }
    const under = this.over?.[1] ?? -keys;
    for (let k = 0; k < keys; k++) {
      if (!beside(k, under)) continue;
      c.font = font(k === under);
      c.fillStyle = k === under ? theme.text : theme.muted;
      c.save();
      c.translate(x + (k + 0.5) * cell, y - 5);
      if (tall) c.rotate(-Math.PI / 2);
      c.textAlign = tall ? "left" : "center";
      c.textBaseline = tall ? "middle" : "bottom";
      c.fillText(visible(names[k]), 0, 0, 90);
      c.restore();
    }
    c.font = font(false);
    c.fillStyle = theme.muted;
    c.textAlign = "left";
    c.textBaseline = "top";
    c.fillText("key", x, 0);
    c.save();
    c.translate(theme.size / 2 + 1, y);
    c.rotate(-Math.PI / 2);
    c.textAlign = "right";
    c.textBaseline = "middle";
    c.fillText("query", 0, 0);
    c.restore();
  }

  // The sequence as text: how strongly the query looks at each token.
  text() {
    const { labels, keys, causal } = this.frame.data;
    const row = this.row(this.query);
    const self = this.keys === this.queries;
    if (this.strip.childElementCount !== keys.length) {
      this.strip.replaceChildren(...keys.map((name, k) => h("span", { class: "itp-token", "aria-hidden": "true", onclick: () => self && this.pickQuery(k) }, visible(name))));
    }
    keys.forEach((_, k) => {
      const token = this.strip.children[k];
      const shut = hidden(this.query, k, this.queries, this.keys, causal);
      token.style.setProperty("--part", shut ? 0 : (Math.sqrt(row[k] / 255) * 0.85).toFixed(3));
      mark(token, "data-hidden", shut);
      mark(token, "data-query", self && k === this.query);
    });
    const most = strongest(row, 4).map(([k, byte]) => `“${visible(keys[k])}” (${k}) ${part(byte)}`);
    put(this.asks, `“${visible(labels[this.query])}” (${this.query}) looks at ${most.join(", ")}`);
  }
}

export default {
  render({ model, el }) {
    return new TeachingCard(model, el, (card) => new AttentionPart(card)).connect();
  },
};
