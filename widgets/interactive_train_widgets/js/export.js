/* Files from the charts: CSV from recorded rows, pictures from the models that are on the page. */

import { Painter } from "./chart.js";
import { SvgContext } from "./svg.js";
import { h } from "./dom.js";
import { grouped } from "./format.js";

const EDGE = 12; // pixels left and right of a picture
const PIECE = 20000; // rows of one part of a file

const cell = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

// The title of a column: of several runs with the run's name.
function title(curve, runs) {
  const what = curve.kind === "lr" ? "learning rate" : curve.name || "loss";
  return [runs.length > 1 ? runs[curve.run] : "", what, curve.branch ?? ""].filter(Boolean).join(" ");
}

// Parts of a CSV file: one row for each step that any curve has, an empty cell where one has none.
export function csv({ curves, runs }) {
  const columns = curves.filter((c) => c.count);
  const at = columns.map(() => 0);
  const parts = [];
  let lines = [["step", ...columns.map((c) => cell(title(c, runs)))].join(",")];
  for (;;) {
    let step = Infinity;
    columns.forEach((c, i) => {
      if (at[i] < c.count && c.steps[at[i]] < step) step = c.steps[at[i]];
    });
    if (step === Infinity) break;
    let line = String(step);
    columns.forEach((c, i) => {
      line += at[i] < c.count && c.steps[at[i]] === step ? `,${c.mean[at[i]++]}` : ",";
    });
    lines.push(line);
    if (lines.length === PIECE) {
      parts.push(`${lines.join("\n")}\n`);
      lines = [];
    }
  }
  parts.push(lines.length ? `${lines.join("\n")}\n` : "");
  return parts;
}

// Charts one under the other, under a line that says which run at which step.
export function compose(context, charts, run, theme) {
  const head = theme.size * 2.4;
  const width = charts[0].width + 2 * EDGE;
  const height = head + charts.reduce((sum, c) => sum + c.height, 0);
  const c = context(width, height);
  c.fillStyle = theme.back;
  c.fillRect(0, 0, width, height);
  c.font = `600 ${theme.size * 1.1}px ${theme.font}`;
  c.fillStyle = theme.text;
  c.textBaseline = "middle";
  c.textAlign = "left";
  c.fillText(`${run.name}, step ${grouped(run.step)}`, EDGE, head / 2);
  let y = head;
  for (const chart of charts) {
    c.save();
    c.translate(EDGE, y);
    new Painter(c).paint(chart.width, chart.height, { ...chart.model, cross: null, select: null, dots: chart.model.dots.filter((d) => !d.radius) }, theme);
    c.restore();
    y += chart.height;
  }
  return c;
}

export function svg(charts, run, theme) {
  return String(compose((width, height) => new SvgContext(width, height), charts, run, theme));
}

// A PNG of twice the size on the page.
export function png(charts, run, theme) {
  const canvas = h("canvas");
  compose((width, height) => {
    [canvas.width, canvas.height] = [Math.round(width * 2), Math.round(height * 2)];
    const context = canvas.getContext("2d");
    context.scale(2, 2);
    return context;
  }, charts, run, theme);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

export function fileName(run, kind) {
  return `${run.name.replace(/[^\p{L}\p{N}_-]+/gu, "-").replace(/^-+|-+$/g, "") || "run"}-step-${run.step}.${kind}`;
}

export function download(name, blob) {
  const url = URL.createObjectURL(blob);
  const link = h("a", { href: url, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}
