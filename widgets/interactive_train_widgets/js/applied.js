/* What was applied, in a line, and the way back. */

import { h, put, mark, show } from "./dom.js";
import { grouped, printable } from "./format.js";
import { mainRate } from "./protocol.js";

// The line that says what was applied, and takes it back.
export class Applied {
  constructor(host) {
    this.said = false;
    this.text = h("span", { class: "it-applied-text" }, "A change takes effect at the next step.");
    this.undo = h("button", { type: "button", class: "it-chip it-link", hidden: true, onclick: (event) => host.command("undo", {}, event) }, "undo");
    this.el = h("div", { class: "it-applied" }, this.text, this.undo);
  }

  say(text, kind, undoable) {
    this.said = true;
    put(this.text, text);
    this.text.title = text;
    mark(this.el, "data-kind", kind);
    show(this.undo, undoable);
  }
}

const TURNS = new Set(["adjust", "scale", "release"]);

// What became of a command that is no knob's.
const SAID = {
  snapshot: ({ name }) => `${name} kept`,
  delete_snapshot: ({ name }) => `${name} forgotten`,
  rewind: () => "gone back; what came after is a branch; now",
  branch: ({ name }) => `branch ${name} begun`,
  switch: ({ name }) => `${name} is current; now`,
  delete_branch: ({ name }) => `branch ${name} deleted`,
  run_until: () => "pause planned;",
  rescue: (_, { new: lr }) => `gone back to before it went wrong${lr ? `, ${lr}` : ""};`,
  note: () => "noted",
};

export function confirmation(request, ticket, knobs) {
  if (ticket.error) return `✗ ${ticket.error}`;
  const { verb, fields } = request;
  const at = `at step ${grouped(ticket.step)}`;
  const named = knobs.find((k) => k.name === fields.name && k.path === (fields.path ?? "")) ?? knobs.find((k) => k.name === fields.name && !k.path);
  const knob = named ?? (fields.name === "lr" && !fields.path ? mainRate(knobs) : undefined);
  if (knob && TURNS.has(verb)) {
    const what = [knob.title.toLowerCase(), fields.path].filter(Boolean).join(" ");
    return `✓ ${what} ${printable(ticket.old)} → ${printable(ticket.new)} applied ${at}${request.remark ? `, ${request.remark}` : ""}`;
  }
  if (verb === "freeze" || verb === "thaw") return `✓ ${fields.path} ${verb === "freeze" ? "frozen" : "thawed"} ${at}`;
  if (verb === "undo") return `✓ taken back ${at}${ticket.new ? `: ${printable(ticket.old)} → ${printable(ticket.new)}` : ""}`;
  const said = SAID[verb]?.(fields, ticket);
  return said ? `✓ ${said} ${at}` : "";
}
