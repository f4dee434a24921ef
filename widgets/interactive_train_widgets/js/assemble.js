/* Which parts a widget has and where they stand, from the list of its panels. */

import { h } from "./dom.js";
import { Charts } from "./charts.js";
import { StatusBar, Banner } from "./status.js";
import { Knobs } from "./knobs.js";
import { Applied } from "./applied.js";
import { Freeze } from "./freeze.js";
import { Layers } from "./layers.js";
import { Metrics } from "./metrics.js";
import { Journal } from "./journal.js";
import { Timeline } from "./timeline.js";

const MAIN_KNOBS = 3;

// Give a panel its root with everything in it; parts that follow each frame are its properties.
export function assemble(panel, config) {
  const has = (name) => config.panels.includes(name);
  const whole = config.panels.length > 1;
  panel.parts = [];
  const add = (part) => (panel.parts.push(part), part);
  panel.root = h("div", { class: `it it-${config.look}${whole ? "" : " it-alone"}`, "data-status": "ready", "data-face": "live" });
  panel.live = h("div", { class: "it-hidden", "aria-live": "polite" });
  const main = h("div", { class: "it-main" });
  if (has("status")) panel.root.append((panel.status = add(new StatusBar(panel))).el);
  if (has("loss") || has("schedule")) main.append((panel.charts = add(new Charts(panel, config.panels))).el);
  const side = h("aside", { class: "it-card it-side", "aria-label": "Controls" });
  if (has("knobs")) side.append((panel.knobs = add(new Knobs(panel, whole ? MAIN_KNOBS : Infinity))).el);
  const said = () => side.append((panel.applied = new Applied(panel)).el);
  if (has("knobs")) said();
  if (has("freeze")) side.append((panel.freeze = add(new Freeze(panel))).el);
  if (has("freeze") && !has("knobs")) said();
  if (has("metrics")) side.append((panel.metrics = add(new Metrics(panel, whole ? 1 : Infinity))).el);
  if (has("layers")) panel.layers = new Layers(panel);
  if (has("layers") && !has("journal")) side.append(panel.layers.el);
  if (has("layers") && !whole) said();
  if (side.childElementCount) main.append(side);
  [panel.main, panel.side] = [main, side];
  if (has("timeline")) panel.timeline = new Timeline(panel);
  panel.banner = new Banner(panel);
  (panel.charts?.el ?? main).append(panel.banner.el);
  panel.root.append(main);
  if (has("journal")) panel.root.append((panel.journal = add(new Journal(panel, { knobs: panel.knobs?.rest, layers: panel.layers?.el, timeline: panel.timeline?.el }))).el);
  panel.root.append(panel.live);
}
