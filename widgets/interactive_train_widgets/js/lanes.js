/* The course of a run as lanes: one per branch, with what is kept and what was done on it. Pure. */

// Branches in the order of their making, each with its lane and its reach; the run as one lane
// where nothing was ever rewound.
export function lanes(frame) {
  const { run } = frame;
  const branches = frame.branches ?? [];
  if (!branches.length) {
    return [{ name: "main", parent: "", lane: 0, from: run.firstStep, to: run.step, current: true, loss: run.loss }];
  }
  const at = new Map(branches.map((branch, lane) => [branch.name, lane]));
  return branches.map((branch, lane) => ({
    ...branch,
    lane,
    above: at.get(branch.parent) ?? null,
    from: branch.parent ? branch.forkStep : run.firstStep,
    to: branch.current ? run.step : branch.lastStep,
  }));
}

// The lane on which the current line runs at a step: its own, or that of a parent.
export function laneAt(all, step) {
  let branch = all.find((b) => b.current) ?? all[0];
  const seen = new Set();
  while (branch.parent && step <= branch.forkStep && !seen.has(branch.name)) {
    seen.add(branch.name);
    branch = all.find((b) => b.name === branch.parent) ?? branch;
  }
  return branch;
}

// Which parts of a lane the current line runs on: from its beginning to where the line left it.
export function walked(all) {
  const parts = new Map();
  let branch = all.find((b) => b.current) ?? all[0];
  let to = branch.to;
  while (branch && !parts.has(branch.name)) {
    parts.set(branch.name, [branch.from, to]);
    to = branch.from;
    branch = branch.parent ? all.find((b) => b.name === branch.parent) : null;
  }
  return parts;
}

// First and last step of all lanes.
export function reach(frame, all) {
  const last = Math.max(frame.run.firstStep + 1, ...all.map((b) => b.to));
  return [frame.run.firstStep, last];
}

// The nearest kept state at or before a step of the current line, null without one.
export function nearest(frame, all, step) {
  const onLine = (s) => s.step <= step && laneAt(all, s.step).name === (s.branch || "main");
  const found = (frame.snapshots ?? []).filter(onLine).map((s) => s.step);
  return found.length ? Math.max(...found) : null;
}

// What going back to a step costs, in words.
export function price(frame, all, step) {
  if (step === frame.run.step) return "here";
  const from = nearest(frame, all, step);
  if (from === null) return "";
  return from === step ? "kept: at once" : `re-runs ${step - from} ${step - from === 1 ? "step" : "steps"}`;
}

// Bytes as 1.2 MB.
export function bytes(count) {
  if (!Number.isFinite(count)) return "–";
  const power = count < 1e3 ? 0 : Math.min(3, Math.floor(Math.log10(count) / 3));
  const value = count / 10 ** (3 * power);
  return `${value < 10 && power ? value.toFixed(1) : Math.round(value)} ${["B", "kB", "MB", "GB"][power]}`;
}
