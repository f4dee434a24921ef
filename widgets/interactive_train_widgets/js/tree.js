/* Layers as a tree by their paths, with what is known of each branch. Pure. */

export const OPEN_UP_TO = 12; // arrays of a model whose layers are unfolded at first
const USUAL = [1e-4, 1e-2]; // of a step's update by the weights it changes
const LARGE = 1.5; // orders of magnitude are meant, not percents

const order = (a, b) => (/^\d+$/.test(a.name) && /^\d+$/.test(b.name) ? a.name - b.name : 0);
const last = (path) => path.slice(path.lastIndexOf(".") + 1);
const above = (path) => path.slice(0, Math.max(0, path.lastIndexOf(".")));
const square = (x) => x * x;

// Add up: norms as they add, counts as they are; null where one part is not known.
const norm = (values) => (values.some((v) => v === null) ? null : Math.sqrt(values.reduce((sum, v) => sum + square(v), 0)));

const broken = (d) => (d ? d.nans + d.infinities : 0);

export function size(shape) {
  return shape.reduce((a, b) => a * b, 1);
}

// How an update stands to the weights it changes: a word and its meaning; empty where it is usual.
export function ratioHint(ratio) {
  if (ratio === null || ratio === 0) return null;
  if (ratio < USUAL[0] / LARGE) return { word: "small", text: "A step changes these weights by less than a ten-thousandth of their size: they hardly learn." };
  if (ratio > USUAL[1] * LARGE) return { word: "large", text: "A step changes these weights by more than a hundredth of their size: a lower learning rate is calmer." };
  return null;
}

// Nodes at the top, each {path, label, kind, children, ...}; `look` may be missing.
export function layerTree(groups, look) {
  const nodes = new Map();
  const root = { path: "", name: "", children: [] };
  nodes.set("", root);
  const node = (path) => {
    if (nodes.has(path)) return nodes.get(path);
    const made = { path, name: last(path), kind: "", children: [], group: null, array: null, output: null };
    nodes.set(path, made);
    node(above(path)).children.push(made);
    return made;
  };
  for (const group of groups) Object.assign(node(group.path), { group, kind: group.kind });
  for (const array of look?.arrays ?? []) {
    const owner = nodes.get(above(array.path)) ?? root;
    const found = node(array.path);
    found.array = array;
    found.kind = found.kind || "array";
    found.resting = array.path === found.group?.path ? found.group.frozen : Boolean(owner.group?.frozen || owner.group?.resting.includes(array.path));
  }
  for (const output of look?.outputs ?? []) {
    if (!output.path) continue;
    const found = node(output.path);
    found.output = output;
    found.kind = found.kind || output.kind;
  }
  for (const each of nodes.values()) each.children.sort(order);
  return lift(root, "").map((top) => sum(top));
}

// A branch that only holds one list, such as the `layers` of a Sequential, gets no row of its own.
function lift(parent, prefix) {
  return parent.children.flatMap((child) => {
    const label = prefix ? `${prefix}.${child.name}` : child.name;
    const bare = !child.group && !child.array && !child.output && parent.children.filter((c) => !c.array).length === 1;
    if (bare) return lift(child, label);
    return [{ ...child, label, children: lift(child, "") }];
  });
}

// Give a branch what its parts have together.
function sum(node) {
  const children = node.children.map(sum);
  const { array, group } = node;
  const arrays = [...(array ? [array] : []), ...children.flatMap((c) => c.arrays)];
  const groups = [...(group ? [group] : []), ...children.flatMap((c) => c.groups)];
  const weights = norm(arrays.map((a) => a.weights.norm));
  const update = norm(arrays.map((a) => a.update));
  const whole = array && !group;
  let frozen = whole ? node.resting : false;
  if (!whole && groups.length) {
    const all = groups.every((g) => g.frozen);
    frozen = all || (groups.some((g) => g.frozen || g.resting.length) ? "mixed" : false);
  }
  const matrices = arrays.filter((a) => a.shape.length > 1);
  const main = matrices.reduce((a, b) => (a && size(a.shape) >= size(b.shape) ? a : b), null) ?? arrays[0] ?? null;
  const trains = arrays.filter((a) => a.gradients && !broken(a.gradients));
  return {
    ...node, children, arrays, groups, frozen, main,
    parameters: whole ? size(array.shape) : groups.reduce((n, g) => n + g.parameters, 0),
    gradient: trains.length ? norm(trains.map((a) => a.gradients.norm)) : null,
    ratio: weights && update !== null ? update / weights : null,
    hint: matrices.length && weights && update !== null ? ratioHint(update / weights) : null,
    broken: arrays.reduce((n, a) => n + broken(a.weights) + broken(a.gradients), broken(node.output?.values)),
    freezable: whole || groups.length > 0,
  };
}

// The rows that are to be seen, each with its depth.
export function visible(nodes, closed, depth = 0) {
  return nodes.flatMap((node) => [
    { node, depth },
    ...(closed.has(node.path) ? [] : visible(node.children, closed, depth + 1)),
  ]);
}

// What is folded at first: in a large model every layer, so that the layers are seen at once.
export function foldedAtFirst(nodes) {
  const count = nodes.reduce((n, node) => n + node.arrays.length, 0);
  const layers = (list) => list.flatMap((node) => (node.children.some((c) => c.array) ? [node.path] : layers(node.children)));
  return new Set(count > OPEN_UP_TO ? layers(nodes) : []);
}
