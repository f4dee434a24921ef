/* What a knob is in each layer: who differs, and the way back to what all have. Pure. */

// A layer's own momentum is not the optimiser's: they are told apart by what they are there for.
const alike = (a, b) => a.name === b.name && a.help === b.help;

// Whether a knob is a layer's value of a knob of the optimiser.
export function isPart(knob, frame) {
  if (!knob.path || !frame.knobs.some((k) => !k.path && alike(k, knob))) return false;
  return frame.groups.some((g) => g.knobs.includes(knob.name) && (knob.path === g.path || knob.path.startsWith(`${g.path}.`)));
}

// A knob as each layer has it: {layer, kind, knob}; `own` where it differs from the others.
export function partsOf(common, frame) {
  if (common.path) return [];
  const holders = frame.groups.filter((g) => g.knobs.includes(common.name));
  if (holders.length < 2) return [];
  const rows = holders.map(({ path, kind }) => [path, kind]);
  for (const k of frame.knobs) {
    if (alike(k, common) && isPart(k, frame) && !rows.some(([path]) => path === k.path)) rows.push([k.path, "array"]);
  }
  return rows.map(([path, kind]) => {
    const own = frame.knobs.find((k) => alike(k, common) && k.path === path);
    return { layer: path, kind, knob: { ...(own ?? common), key: `${path}.${common.name}`, path, own: Boolean(own) } };
  });
}

// The commands that make a layer's knob what all others have.
export function rejoining(part, common) {
  if (!part.scheduled || !common.scheduled) return [["adjust", { value: common.effective }]];
  const steps = part.override !== null || part.scale !== 1 ? [["release", {}]] : [];
  if (common.override !== null) return [...steps, ["adjust", { value: common.override }]];
  return common.scale === 1 ? steps : [...steps, ["scale", { value: common.scale }]];
}
