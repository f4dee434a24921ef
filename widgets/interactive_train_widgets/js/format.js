/* Numbers as a person reads them. Pure. */

const THIN = "\u2009";

// 1240 -> "1 240" with a thin space, from four digits on.
export function grouped(value) {
  if (!Number.isFinite(value)) return "–";
  return Math.round(value).toString().replace(/\B(?=(\d{3})+(?!\d))/g, THIN);
}

// A value in at most `digits` significant digits: 0.974, 2.1e-4, 12 300.
export function short(value, digits = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 0.0095 || size >= 1e6) {
    const [mantissa, power] = value.toExponential(digits - 1).split("e");
    return `${Number(mantissa)}e${Number(power)}`.replace("-", "-");
  }
  if (size >= 1000) return grouped(value);
  return String(Number(value.toPrecision(digits)));
}

// The same with a fixed number of digits, so that a running value does not wobble.
export function steady(value, digits = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return short(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e5)) return value.toExponential(digits - 1).replace("e+", "e");
  const whole = size < 1 ? 1 : Math.floor(Math.log10(size)) + 1;
  return value.toFixed(Math.max(0, digits - (size < 1 ? 0 : whole)));
}

// Seconds as 0:41 or 1:02:03.
export function clock(seconds) {
  if (seconds === null || !Number.isFinite(seconds)) return "–:––";
  const all = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

// Steps a second.
export function perSecond(value) {
  if (value === null || !Number.isFinite(value)) return "–/s";
  return `${value >= 100 ? grouped(value) : Number(value.toPrecision(2))}/s`;
}

// validation_accuracy -> Validation accuracy
export function words(name) {
  const text = name.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// A printable value of the journal: numbers are shortened, of "schedule x 0.3 (2.1e-4)" the value
// is taken, words stay.
export function printable(text) {
  const inner = /\(([^()]+)\)$/.exec(text)?.[1] ?? text;
  const value = Number(inner);
  return inner !== "" && Number.isFinite(value) ? short(value) : text;
}

// What the journal and the confirmation call a knob or a layer.
export function target(entry, knobs) {
  const knob = knobs.find((k) => k.name === entry.name && k.path === entry.path);
  const name = knob ? knob.title.toLowerCase() : entry.name.replaceAll("_", " ");
  return [name, entry.path].filter(Boolean).join(" ");
}

// One journal row as a sentence without its step.
export function change(entry, knobs) {
  const what = target(entry, knobs);
  if (entry.kind === "freeze" || entry.kind === "thaw") return `${entry.kind} ${what}`;
  if (entry.kind === "undo") return `undo: ${what} ${printable(entry.old)} → ${printable(entry.new)}`;
  if (entry.kind === "release") return `${what} back to its schedule`;
  if (entry.kind === "note") return entry.text;
  if (!entry.name) return entry.text.replace(" -> ", " → ");
  return `${what} ${printable(entry.old)} → ${printable(entry.new)}`;
}

// The newest standing change of a knob.
export function standing(journal, knob) {
  return journal.findLast((e) => !e.undone && e.name === knob.name && e.path === knob.path && e.kind !== "release");
}

// Where a knob's value comes from: "schedule × 0.3 since step 1 102".
export function origin(knob, journal, brief = false) {
  const last = standing(journal, knob);
  const since = last && !brief ? ` since step ${grouped(last.lastStep)}` : "";
  if (knob.override !== null) {
    return `held${since}${knob.scheduled ? `, schedule says ${short(knob.base)}` : ""}`;
  }
  if (knob.scale !== 1 && knob.scale !== null) {
    return `${knob.scheduled ? "schedule" : short(knob.base)} × ${short(knob.scale)}${since}`;
  }
  return knob.scheduled ? "schedule" : `constant${since}`;
}

// The same with the value: "2.1e-4 = schedule × 0.3 since step 1 102".
export function provenance(knob, journal, brief = false) {
  const text = origin(knob, journal, brief);
  return `${short(knob.effective)}${/^(held|constant)/.test(text) ? " " : " = "}${text}`;
}
