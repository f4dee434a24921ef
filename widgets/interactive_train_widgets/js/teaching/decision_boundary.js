/* Regions of a classifier with its data: colour is the class, depth how sure, the line the border. */

import { h, put } from "../dom.js";
import { short } from "../format.js";
import { TeachingCard, pictureCanvas, RunButtons } from "./view.js";
import { Plane, Probe, channels, markSvg } from "./plane.js";

class Boundary {
  constructor(card) {
    this.card = card;
    this.plane = new Plane(pictureCanvas(card.config.look === "lecture" ? 480 : 400));
    this.probe = new Probe(card, this.plane, "Probe: arrow keys move it, shift moves far", (x, y) => this.at(x, y));
    this.score = h("div", { class: "itt-score it-number" });
    this.scored = h("div", { class: "it-sub" });
    this.legend = h("div", { class: "itt-legend" });
    this.buttons = new RunButtons(card);
    card.body.append(
      h("div", { class: "itt-split" }, this.probe.el, h("div", { class: "itt-aside" }, h("div", {}, this.score, this.scored), this.legend)),
    );
  }

  draw(frame, theme) {
    this.frame = frame;
    this.buttons.update(frame.run);
    const { data, arrays } = frame;
    const { plane } = this;
    if (!plane.begin({ x: data.x, y: data.y, names: data.axes }, theme)) return;
    const { winners, shade, border, points, labels, wrong } = arrays;
    const colours = data.names.map((_, i) => theme.series[i % theme.series.length]);
    const mixed = colours.map(channels);
    const [rows, columns] = winners.shape;
    plane.shade(columns, rows, (i) => [...mixed[winners.data[i]], 26 + 0.46 * shade.data[i]]);
    plane.pieces(border.data, theme.text, theme.line * 0.9);
    for (const late of [0, 1]) {
      // What lies wrong is drawn last, on top.
      for (let i = 0; i < labels.data.length; i++) {
        if (wrong.data[i] !== late) continue;
        const c = labels.data[i];
        plane.stamp(points.data[2 * i], points.data[2 * i + 1], c, colours[c], theme.back, theme.line * 0.45, late ? theme.text : null);
      }
    }
    this.probe.draw(theme);
    this.list(data, colours);
  }

  list(data, colours) {
    const all = data.counts.reduce((a, b) => a + b, 0);
    const hits = data.right.reduce((a, b) => a + b, 0);
    put(this.score, `${((100 * hits) / all).toFixed(1)} %`);
    put(this.scored, `${hits} of ${all} points on their own side`);
    const key = JSON.stringify([data.names, colours]);
    if (key !== this.key) {
      this.key = key;
      this.cells = data.names.map((name, i) => {
        const cells = { bar: h("span", { class: "itt-bar" }), text: h("span", { class: "it-sub it-number" }) };
        cells.bar.style.setProperty("--colour", colours[i]);
        cells.el = h("div", { class: "itt-entry" }, markSvg(i, colours[i]), h("span", {}, name), cells.text, cells.bar);
        return cells;
      });
      this.legend.replaceChildren(
        ...this.cells.map((cells) => cells.el),
        h("div", { class: "it-sub itt-hint" }, "A ring marks a point on a wrong side."),
      );
    }
    this.cells.forEach((cells, i) => {
      put(cells.text, `${data.right[i]} of ${data.counts[i]}`);
      cells.bar.style.setProperty("--part", data.counts[i] ? data.right[i] / data.counts[i] : 0);
    });
  }

  at(x, y) {
    const { data, arrays } = this.frame;
    const [rows, columns] = arrays.winners.shape;
    const place = (v, [low, high], n) => Math.min(n - 1, Math.max(0, Math.round(((v - low) / (high - low)) * (n - 1))));
    const i = place(y, data.y, rows) * columns + place(x, data.x, columns);
    const p = 1 / data.classes + (1 - 1 / data.classes) * (arrays.shade.data[i] / 255);
    return [`${data.names[arrays.winners.data[i]]}, p = ${p.toFixed(2)}`, `${data.axes[0]} ${short(x)}, ${data.axes[1]} ${short(y)}`];
  }
}

export default {
  render({ model, el }) {
    return new TeachingCard(model, el, (card) => new Boundary(card)).connect();
  },
};
