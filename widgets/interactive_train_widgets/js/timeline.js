/* Time: where the run stands, what is kept, its branches; back to any step, on to any branch. */

import { h, mark, put, show } from "./dom.js";
import { grouped, short, change } from "./format.js";
import { interventions } from "./protocol.js";
import { parseNumber } from "./slider.js";
import { lanes, laneAt, reach, price, bytes, walked } from "./lanes.js";

const LANE = 26; // px
const PAD = 14;

let space = "";

// An element of a drawing.
const drawn = (tag, attributes, title = "") => {
  const holder = h("span");
  holder.innerHTML = "<svg/>";
  space ||= holder.firstChild.namespaceURI;
  const node = document.createElementNS(space, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (title) node.append(Object.assign(document.createElementNS(space, "title"), { textContent: title }));
  return node;
};

export class Timeline {
  constructor(host) {
    this.host = host;
    this.chosen = null; // a step; null follows the run
    const button = (text, title, onclick) => h("button", { type: "button", class: "it-button", title, onclick }, text);
    this.kept = h("span", { class: "it-sub it-number" });
    this.map = h("div", { class: "it-lanes", role: "img" });
    this.map.addEventListener("pointerdown", (event) => this.aim(event));
    this.slider = h("input", { type: "range", class: "it-slider", "aria-label": "Step to go back to", step: 1, disabled: true });
    this.slider.addEventListener("input", () => this.choose(Number(this.slider.value)));
    this.box = h("input", { type: "text", inputmode: "numeric", class: "it-box", "aria-label": "Step to go back to, value" });
    const typed = () => this.choose(Math.round(parseNumber(this.box.value)));
    this.box.addEventListener("change", typed);
    this.box.addEventListener("keydown", (event) => event.key === "Enter" && typed());
    this.back = button("Go back", "Go back to what this step left behind; what came after stays as a branch", (event) => {
      host.command("rewind", { step: this.step }, event, "", () => this.choose(null));
    });
    this.cost = h("span", { class: "it-sub it-cost" });
    this.name = h("input", { type: "text", class: "it-box it-label", placeholder: "name", "aria-label": "Name of a kept state or a branch", maxlength: 60, autocomplete: "off" });
    const named = (verb) => (event) => {
      const name = this.name.value.trim();
      if (!name) return this.name.focus();
      host.command(verb, { name }, event, "", (ticket) => {
        if (!ticket.error) this.name.value = "";
      });
    };
    this.keep = button("Keep", "Keep the state of now under this name", named("snapshot"));
    this.fork = button("Branch off", "Begin a branch of this name here and go on with it", named("branch"));
    this.states = h("div", { class: "it-states", role: "group", "aria-label": "Kept states" });
    this.list = h("tbody");
    this.sheet = h("table", { class: "it-table it-branches" }, h("caption", { class: "it-hidden" }, "Branches"),
      h("thead", {}, h("tr", {}, ...["branch", "from step", "to step", "loss", ""].map((t) => h("th", { scope: "col" }, t)))), this.list);
    this.acts = h("div", { class: "it-head it-acts" }, h("span", { class: "it-sub" }, "step"), this.slider, this.box, this.back, this.cost,
      h("span", { class: "it-gap" }), this.name, this.keep, this.fork);
    this.el = h("section", { class: "it-timeline", "aria-label": "Timeline" },
      h("div", { class: "it-head" }, h("h3", {}, "Timeline"), this.kept), this.map, this.acts, this.states, this.sheet);
  }

  get step() {
    return this.chosen ?? this.frame?.run.step ?? 0;
  }

  choose(step) {
    const { frame } = this;
    if (!frame) return;
    const inside = Number.isFinite(step) && step !== null;
    this.chosen = inside ? Math.min(Math.max(step, frame.run.firstStep), frame.run.step) : null;
    this.stamp = "";
    this.host.redraw();
  }

  aim(event) {
    if (!this.x || this.back.disabled) return;
    const { left } = this.map.getBoundingClientRect();
    this.choose(Math.round(this.x.invert(event.clientX - left)));
  }

  update(frame, frozen) {
    this.frame = frame;
    const all = lanes(frame);
    const { run, snapshots = [] } = frame;
    const held = frame.snapshotLimit ? ` of ${bytes(frame.snapshotLimit)}` : "";
    put(this.kept, snapshots.length ? `${snapshots.length} ${snapshots.length === 1 ? "state" : "states"} kept, ${bytes(frame.snapshotBytes)}${held}` : "");
    show(this.acts, !frozen);
    this.slider.disabled = frozen;
    mark(this.slider, "min", run.firstStep);
    mark(this.slider, "max", run.step);
    if (document.activeElement !== this.slider || this.chosen === null) this.slider.value = this.step;
    if (document.activeElement !== this.box) this.box.value = this.step;
    this.back.disabled = frozen || this.step === run.step;
    put(this.cost, price(frame, all, this.step));
    const width = this.map.clientWidth;
    const stamp = `${run.step} ${frame.generation} ${frame.entries} ${snapshots.length} ${width} ${this.step} ${frozen} ${all.map((b) => b.name + b.to)}`;
    if (!width || stamp === this.stamp) return;
    this.stamp = stamp;
    this.draw(frame, all, width);
    this.tell(frame, all, frozen);
  }

  draw(frame, all, width) {
    const [first, last] = reach(frame, all);
    const right = width - PAD - 62;
    const x = (step) => PAD + ((step - first) / (last - first)) * (right - PAD);
    x.invert = (at) => first + ((at - PAD) / (right - PAD)) * (last - first);
    this.x = x;
    const y = (lane) => LANE * (lane + 0.5) + 3;
    const svg = drawn("svg", { width, height: LANE * all.length + 6, "aria-hidden": "true" });
    const parts = walked(all);
    for (const branch of all) {
      const at = y(branch.lane);
      if (branch.above !== null && branch.above !== undefined) {
        svg.append(drawn("path", { class: "it-fork", d: `M${x(branch.from)} ${y(branch.above)}V${at}` }));
      }
      const words = `${branch.name}: steps ${grouped(branch.from)} to ${grouped(branch.to)}, loss ${short(branch.loss)}`;
      svg.append(drawn("path", { class: "it-lane", d: `M${x(branch.from)} ${at}H${x(branch.to)}` }, words));
      const [from, to] = parts.get(branch.name) ?? [];
      if (from < to) svg.append(drawn("path", { class: "it-lane it-current", d: `M${x(from)} ${at}H${x(to)}` }, words));
      const label = drawn("text", { class: "it-lane-name", x: x(branch.to) + 10, y: at + 4 });
      label.textContent = branch.name;
      svg.append(label);
    }
    for (const kept of frame.snapshots ?? []) {
      const lane = all.find((b) => b.name === (kept.branch || "main"))?.lane ?? 0;
      const [cx, cy, r] = [x(kept.step), y(lane), kept.name ? 5 : 2.5];
      const title = `${kept.name || "kept"} at step ${grouped(kept.step)}`;
      svg.append(drawn("path", { class: kept.name ? "it-kept it-named" : "it-kept", d: `M${cx} ${cy - r}l${r} ${r}l${-r} ${r}l${-r} ${-r}z` }, title));
    }
    for (const { number, step, entry } of interventions(frame.journal)) {
      const title = `${number}: ${change(entry, frame.knobs)} after step ${grouped(step)}`;
      const lane = all.find((b) => b.name === (entry.branch || "main"))?.lane;
      const kind = entry.stands !== false ? "it-deed" : "it-deed it-past";
      if (lane !== undefined) svg.append(drawn("circle", { class: kind, cx: x(step), cy: y(lane), r: 3.5 }, title));
    }
    const here = laneAt(all, frame.run.step).lane;
    svg.append(drawn("circle", { class: "it-here", cx: x(frame.run.step), cy: y(here), r: 6 }, `now: step ${grouped(frame.run.step)}`));
    if (this.chosen !== null && this.chosen !== frame.run.step) {
      const lane = laneAt(all, this.chosen).lane;
      svg.append(drawn("path", { class: "it-aim", d: `M${x(this.chosen)} ${y(lane) - 11}V${y(lane) + 11}` }));
    }
    this.map.replaceChildren(svg);
    mark(this.map, "aria-label", `${all.length} ${all.length === 1 ? "line" : "lines"} from step ${grouped(first)} to ${grouped(last)}; now at step ${grouped(frame.run.step)}`);
  }

  // Named states and branches as rows with their buttons.
  tell(frame, all, frozen) {
    const { host } = this;
    const link = (text, label, verb, fields) => {
      const node = h("button", { type: "button", class: "it-link", "aria-label": label, onclick: (event) => host.command(verb, fields, event) }, text);
      node.disabled = frozen;
      return node;
    };
    const named = (frame.snapshots ?? []).filter((s) => s.name);
    const stamp = JSON.stringify([named, all.map((b) => [b.name, b.current, b.to, b.loss]), frozen]);
    show(this.states, named.length > 0);
    show(this.sheet, all.length > 1);
    if (stamp === this.told || this.el.contains(document.activeElement) && document.activeElement.matches(".it-link:active")) return;
    this.told = stamp;
    const focus = this.el.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    this.states.replaceChildren(...named.map(({ name, step }) => h("span", { class: "it-state-kept" }, h("b", {}, name), ` step ${grouped(step)}`,
      link("go back", `Go back to ${name}`, "rewind", { name }), link("forget", `Forget ${name}`, "delete_snapshot", { name }))));
    this.list.replaceChildren(...all.map((b) => h("tr", { "data-branch": b.name, "data-current": b.current },
      h("th", { scope: "row" }, b.name), h("td", {}, grouped(b.from)), h("td", {}, grouped(b.to)), h("td", {}, short(b.loss)),
      h("td", {}, ...(b.current ? ["current"] : [
        link("make current", `Make ${b.name} current`, "switch", { name: b.name }), link("delete", `Delete ${b.name}`, "delete_branch", { name: b.name }),
      ])))));
    if (focus) [...this.el.querySelectorAll("[aria-label]")].find((n) => n.getAttribute("aria-label") === focus)?.focus();
  }
}
