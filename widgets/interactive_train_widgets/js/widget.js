/* The widget: panels from a list, frames in, commands out, and whether the kernel still answers. */

import { h, mark, put, show } from "./dom.js";
import { decode, thaw, unique } from "./protocol.js";
import { assemble } from "./assemble.js";
import { readTheme } from "./chart.js";
import { ENDED } from "./status.js";
import { confirmation } from "./applied.js";
import { spoken } from "./curves.js";

const RATE = 10; // frames a second
const CALM = 2; // when hidden, or when less motion is asked for
const SUMMARY_EVERY = 15000; // ms between two running summaries for a screen reader
const UNDOABLE = new Set(["adjust", "scale", "release", "freeze", "thaw"]);
const UNANSWERED = 3; // seconds until a view looks into what the notebook saved
const TELL = 200; // ms between two messages that say which step is under the crosshair

class Panel {
  constructor(model, el) {
    this.model = model;
    this.view = unique();
    this.requests = new Map();
    this.latencies = [];
    this.silent = 0;
    this.face = "live";
    this.summary = 0;
    this.sections = {};
    const config = model.get("config");
    assemble(this, config);
    this.root.itDashboard = this;
    el.append(this.root);
    this.still = h("style", {}, `.it-still-${config.uid}{display:none}`);
    document.head.append(this.still);
  }

  connect() {
    const { model } = this;
    const ending = new AbortController();
    const { signal } = ending;
    this.hear = (content, buffers) => this.message(content, buffers);
    model.on("msg:custom", this.hear);
    this.linked = () => this.select(model.get("selected_step") ?? null);
    model.on("change:selected_step", this.linked);
    this.calm = window.matchMedia("(prefers-reduced-motion: reduce)");
    this.calm.addEventListener("change", () => this.adapt("adapt"), { signal });
    document.addEventListener("visibilitychange", () => this.adapt("adapt"), { signal });
    const retheme = () => {
      this.theme = null;
      this.redraw();
    };
    const looks = new MutationObserver(retheme);
    looks.observe(document.body, { attributes: true });
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", retheme, { signal });
    const sizes = new ResizeObserver(() => {
      this.redraw();
      clearTimeout(this.resized);
      this.resized = setTimeout(() => this.adapt("adapt"), 300);
    });
    sizes.observe(this.root);
    const tick = setInterval(() => this.watch(), 1000);
    this.adapt("ready");
    return () => {
      ending.abort();
      looks.disconnect();
      sizes.disconnect();
      clearInterval(tick);
      clearTimeout(this.resized);
      clearTimeout(this.telling);
      model.off("msg:custom", this.hear);
      model.off("change:selected_step", this.linked);
      this.still.remove();
      this.post({ kind: "gone", view: this.view });
    };
  }

  post(content) {
    try {
      this.model.send(content);
    } catch {
      // A dead comm: `watch` shows it.
    }
  }

  // Tell the kernel how wide the curves are and how often they can be drawn.
  adapt(kind) {
    const rate = this.calm.matches || document.hidden ? CALM : RATE;
    const columns = Math.max(100, (this.charts?.el.clientWidth || 700) - 100);
    const sections = this.unfolded() ? ["layers"] : [];
    this.post({ kind, view: this.view, rate, columns, sections, window: this.charts?.wanted ?? null });
  }

  // Whether the layers are to be seen: only then are they computed.
  unfolded() {
    return Boolean(this.layers && !document.hidden && !this.layers.el.parentElement?.hidden);
  }

  message(content, buffers) {
    this.silent = 0;
    if (content.kind === "trouble") {
      this.trouble = content;
      this.face = "lost";
      this.redraw();
    } else if (content.kind === "section") {
      this.sections[content.name] = content;
      this.redraw();
    } else if (content.kind === "frame") {
      this.trouble = null;
      this.frame = decode(content, buffers);
      this.face = "live";
      this.due = content.sequence;
      if (document.hidden) this.acknowledge();
      else this.redraw();
    } else if (content.kind === "rows") {
      this.requests.get(content.id)?.take(content, buffers);
      this.requests.delete(content.id);
    } else if (content.kind === "tickets") {
      this.face = "live";
      if (this.frame) {
        // The values that now hold, over the curves of the last frame.
        this.frame = { ...this.frame, ...content, curves: this.frame.curves, runs: this.frame.runs, sequence: this.frame.sequence };
      }
      for (const ticket of content.tickets) this.resolve(ticket);
      this.redraw();
    }
  }

  // Another view, a link or Python moved the crosshair.
  select(step) {
    const { charts } = this;
    const chart = charts?.loss ?? charts?.rate;
    if (!chart?.box || charts.view.cross === step) return;
    charts.view.cross = step;
    this.redraw();
  }

  // Tell which step is under the crosshair, when it rests a moment.
  tell() {
    const { charts, model } = this;
    const differs = () => charts && charts.view.cross !== (model.get("selected_step") ?? null);
    if (this.telling || !differs()) return;
    this.telling = setTimeout(() => {
      this.telling = null;
      if (!differs()) return;
      model.set("selected_step", charts.view.cross);
      model.save_changes();
    }, TELL);
  }

  acknowledge() {
    if (this.due === undefined) return;
    this.post({ kind: "ack", sequence: this.due });
    this.due = undefined;
  }

  // Send a command; `done` hears its ticket.
  command(verb, fields, event, gesture = "", done = null, remark = "") {
    const id = `${this.view}-${unique()}`;
    const pressed = event?.timeStamp ? performance.timeOrigin + event.timeStamp : Date.now();
    this.requests.set(id, { verb, fields, pressed, gesture, done, remark });
    this.post({ kind: "command", id, verb, gesture, pressed, ...fields });
    return id;
  }

  // Ask for the recorded rows; `take` hears them.
  ask(event, take) {
    const id = `${this.view}-${unique()}`;
    this.requests.set(id, { verb: "rows", fields: {}, pressed: event.timeStamp, gesture: "", take });
    this.post({ kind: "rows", id });
  }

  resolve(ticket) {
    const request = this.requests.get(ticket.id);
    if (!request) return;
    this.requests.delete(ticket.id);
    request.done?.(ticket, this.frame?.knobs ?? []);
    const { root } = this;
    if (ticket.error) mark(root, "data-ticket-error", ticket.error);
    else {
      const latency = ticket.appliedAt - request.pressed;
      this.latencies.push({ verb: request.verb, step: ticket.step, latency, shown: Date.now() - request.pressed });
      mark(root, "data-latency", latency.toFixed(1));
      mark(root, "data-ticket-error", "");
    }
    mark(root, "data-ticket-step", ticket.step ?? "");
    mark(root, "data-ticket-old", ticket.old ?? "");
    mark(root, "data-ticket-new", ticket.new ?? "");
    mark(root, "data-tickets", Number(root.dataset.tickets ?? 0) + 1);
    mark(root, "data-ticket-id", ticket.id);
    const text = confirmation(request, ticket, this.frame?.knobs ?? []);
    if (!text) return;
    this.applied?.say(text, ticket.error ? "error" : "done", !ticket.error && UNDOABLE.has(request.verb));
    // Of a drag, only where it ended is read out.
    clearTimeout(this.saying);
    this.saying = setTimeout(() => put(this.live, text), request.gesture ? 400 : 0);
  }

  // Once a second: a run that moves is heard often, a resting one by its heartbeat.
  watch() {
    this.silent++;
    if (!this.frame) {
      if (this.silent >= UNANSWERED) this.recall();
      if (this.silent % 5 === 0) this.adapt("ready");
      return;
    }
    const { status } = this.frame.run;
    if (ENDED.includes(status) || status === "ready" || this.face === "saved") return;
    const patience = status === "running" && !this.frame.watchOnly ? 4 : 14;
    if (this.silent >= patience && this.silent % 3 === 0) this.adapt("ready");
    if (this.silent >= 2 * patience && this.face !== "lost") {
      this.face = "lost";
      this.redraw();
    }
  }

  // Nobody answers: show what the notebook kept.
  recall() {
    const frame = thaw(this.model.get("saved"));
    if (!frame) return this.still.remove(); // the plain output is all that there is
    this.frame = frame;
    this.sections = frame.sections ?? {};
    this.face = "saved";
    this.redraw();
  }

  redraw() {
    if (this.drawing || !this.frame) return;
    if (!this.still.isConnected) document.head.append(this.still);
    this.drawing = requestAnimationFrame(() => {
      this.drawing = null;
      this.draw();
      this.tell();
      this.acknowledge();
    });
  }

  draw() {
    const { frame, root, face } = this;
    const { run } = frame;
    this.theme ??= readTheme(root);
    const frozen = frame.watchOnly || face === "saved" || face === "lost";
    mark(root, "data-status", run.status);
    mark(root, "data-face", face);
    mark(root, "data-step", run.step);
    mark(root, "data-loss", run.loss ?? "");
    mark(root, "data-points", frame.curves.find((c) => c.kind === "loss")?.total ?? 0);
    mark(root, "data-sequence", frame.sequence ?? 0);
    const bare = !frame.knobs.length && !frame.groups.length;
    if (this.applied) show(this.applied.el, !frame.watchOnly && face !== "saved" && (!bare || this.applied.said));
    if (this.freeze) show(this.freeze.el, frame.groups.length > 0);
    const empty = bare && !frame.metrics.length;
    show(this.side, !empty);
    this.main.classList.toggle("it-single", empty);
    this.status?.update(frame, frame.watchOnly && face === "live" ? "watching" : face);
    this.charts?.update(frame, this.theme, frozen);
    this.knobs?.update(frame, frozen);
    this.freeze?.update(frame, frozen);
    if (this.unfolded()) this.layers.update(frame, this.sections.layers, frozen);
    this.metrics?.update(frame, this.theme);
    this.journal?.update(frame, this.theme, frozen);
    if (this.timeline && !this.timeline.el.parentElement?.hidden) this.timeline.update(frame, frozen);
    this.banner.update(frame, face, this.trouble);
    if (run.status !== this.spokenStatus || Date.now() - this.summary > SUMMARY_EVERY) {
      this.spokenStatus = run.status;
      this.summary = Date.now();
      put(this.live, spoken(frame));
    }
  }
}

export default {
  render({ model, el }) {
    return new Panel(model, el).connect();
  },
};
