/* The layers as a tree: sizes, freeze boxes, norms, how large a step is, small histograms. */

import { h, put, mark, show } from "./dom.js";
import { grouped, short } from "./format.js";
import { Histogram } from "./histogram.js";
import { layerTree, visible, foldedAtFirst } from "./tree.js";

const KINDS = ["weights", "gradients", "activations"];
const TITLES = [
  ["layer", ""], ["freeze", "Ticked, everything below rests"], ["parameters", ""],
  ["gradient", "Euclidean norm of the gradient"],
  ["update ÷ weights", "By which part of their size the next step changes the weights; 1e-4 to 1e-2 is usual"],
  ...KINDS.map((kind) => [kind, "Heights are square roots of counts; the line is at 0"]),
];

class Row {
  constructor(panel, path) {
    this.panel = panel;
    this.path = path;
    this.waiting = 0;
    this.fold = h("button", { type: "button", class: "it-twist", onclick: () => panel.turn(this.path) });
    this.name = h("span", { class: "it-path" });
    this.kind = h("span", { class: "it-sub" });
    this.box = h("input", { type: "checkbox" });
    this.box.addEventListener("change", (event) => {
      this.waiting++;
      panel.host.command(this.box.checked ? "freeze" : "thaw", { path: this.path }, event, "", () => {
        this.waiting--;
        panel.host.redraw();
      });
    });
    [this.count, this.gradient] = [0, 1].map(() => h("td", { class: "it-number" }));
    this.ratio = h("span", { class: "it-number" });
    this.hint = h("span", { class: "it-flag", hidden: true });
    this.histograms = KINDS.map((kind) => new Histogram(kind));
    this.el = h("tr", { "data-node": path },
      h("th", { scope: "row" }, h("span", { class: "it-branch" }, this.fold, this.name, this.kind)),
      h("td", { class: "it-center" }, this.box), this.count, this.gradient,
      h("td", {}, this.ratio, " ", this.hint), ...this.histograms.map(({ el }) => h("td", {}, el)));
  }

  update({ node, depth }, closed, frozen) {
    const { children, array, output, main } = node;
    this.el.style.setProperty("--it-depth", depth);
    const folds = children.length > 0;
    mark(this.fold, "aria-expanded", !closed);
    mark(this.fold, "aria-label", `Parts of ${node.path}`);
    this.fold.style.visibility = folds ? "" : "hidden";
    this.fold.tabIndex = folds ? 0 : -1;
    put(this.name, node.label);
    const shape = array?.shape ?? output?.shape;
    put(this.kind, array ? shape.join(" × ") || "one number" : node.kind);
    this.kind.title = !array && shape ? `Output ${shape.join(" × ")}` : "";
    show(this.box, node.freezable);
    mark(this.box, "aria-label", `Freeze ${node.path}`);
    this.box.disabled = frozen;
    if (!this.waiting) {
      this.box.checked = node.frozen === true;
      this.box.indeterminate = node.frozen === "mixed";
    }
    mark(this.el, "data-frozen", node.frozen);
    this.el.toggleAttribute("data-array", Boolean(array));
    put(this.count, node.freezable ? grouped(node.parameters) : "");
    const rests = node.frozen === true;
    put(this.gradient, !node.arrays.length ? "" : rests ? "rests" : node.gradient === null ? "–" : short(node.gradient));
    put(this.ratio, !node.arrays.length || rests ? "" : node.ratio === null ? "–" : short(node.ratio, 2));
    mark(this.el, "data-ratio", node.ratio ?? "");
    mark(this.el, "data-gradient", node.gradient ?? "");
    this.flag(node, rests);
    // A folded layer shows its largest array, a whole one what it gives on.
    const shown = array ?? (closed && main) ?? null;
    const of = shown && shown.path;
    this.histograms[0].update(shown && shown.weights, `Weights of ${of}`);
    this.histograms[1].update(shown && shown.gradients, `Gradients of ${of}`);
    this.histograms[2].update(output && output.values, `Activations of ${node.path}`);
  }

  flag(node, rests) {
    const hint = node.broken
      ? { word: `${grouped(node.broken)} not finite`, text: "NaN or infinite numbers in weights, gradients or activations" }
      : rests ? null : node.hint;
    show(this.hint, Boolean(hint));
    put(this.hint, hint?.word ?? "");
    mark(this.hint, "title", hint?.text ?? "");
  }
}

export class Layers {
  constructor(host) {
    this.host = host;
    this.rows = new Map();
    this.closed = null;
    this.note = h("span", { class: "it-sub it-last" });
    this.body = h("tbody", {});
    const all = (text, fold) => h("button", { type: "button", class: "it-chip", onclick: () => this.turnAll(fold) }, text);
    this.scroll = h("div", { class: "it-scroll", tabindex: "0", role: "region", "aria-label": "Layers", "data-lm-suppress-shortcuts": "true" },
      h("table", { class: "it-table it-tree" },
        h("caption", { class: "it-hidden" }, "Layers with their sizes, gradients, updates and distributions"),
        h("thead", {}, h("tr", {}, ...TITLES.map(([text, title]) => h("th", { scope: "col", title }, text)))), this.body));
    this.el = h("section", { class: "it-tree-panel", "aria-label": "Layers" },
      h("div", { class: "it-head" }, h("h3", {}, "Layers"), this.note, h("span", { class: "it-gap" }), all("unfold all", false), all("fold all", true)),
      this.scroll);
  }

  turn(path) {
    this.closed[this.closed.has(path) ? "delete" : "add"](path);
    this.host.redraw();
  }

  turnAll(fold) {
    const paths = (nodes) => nodes.flatMap((n) => (n.children.length ? [n.path, ...paths(n.children)] : []));
    this.closed = new Set(fold ? paths(this.nodes ?? []) : []);
    this.host.redraw();
  }

  update(frame, look, frozen) {
    const flags = frame.groups.map((g) => [g.path, g.frozen, g.resting]);
    const stamp = JSON.stringify([flags, frozen, [...(this.closed ?? [])], [...this.rows.values()].some((row) => row.waiting)]);
    if (this.seen === look && this.stamp === stamp) return;
    [this.seen, this.stamp] = [look, stamp];
    const known = look && !look.error ? look : null;
    const nodes = (this.nodes = layerTree(frame.groups, known));
    if (!this.closed && known) this.closed = foldedAtFirst(nodes);
    const closed = this.closed ?? new Set();
    const rows = visible(nodes, closed);
    const paths = new Set(rows.map(({ node }) => node.path));
    for (const [path, row] of this.rows) {
      if (paths.has(path)) continue;
      row.el.remove();
      this.rows.delete(path);
    }
    rows.forEach((each, i) => {
      const { path } = each.node;
      if (!this.rows.has(path)) this.rows.set(path, new Row(this, path));
      const row = this.rows.get(path);
      if (this.body.children[i] !== row.el) this.body.insertBefore(row.el, this.body.children[i] ?? null);
      row.update(each, closed.has(path), frozen);
    });
    this.say(look);
  }

  say(look) {
    const wrong = look?.error || look?.message;
    const text = !look ? "looking …" : wrong ? wrong.replace(/^[\w.]+: /, "").split("\n")[0] : `as of step ${grouped(look.step)}, computed beside the run`;
    put(this.note, text);
    this.note.title = wrong || "Gradients, updates and activations of one batch; looked at every few seconds";
    mark(this.el, "data-looked", look?.step ?? "");
    mark(this.el, "data-kind", wrong ? "error" : "");
  }
}
