"""The still picture that a saved notebook keeps: a plain HTML output, at most 60 KB.

A live widget cannot be shown without its kernel, so a second, plain output
beside it carries a drawing, the numbers behind it and the interventions. While
the dashboard lives it hides that output; a page without the live widget shows it.
"""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from interactive_train.training.view import RunView
from interactive_train_widgets.describe import Head
from interactive_train_widgets.frames import Buffers

MAX_PICTURE = 42_000  # bytes of PNG; 56 KB in base64, and some kilobytes of table
TABLE_ROWS = 16
JOURNAL_ROWS = 20
TABLE_CLASSES = 20
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
MARKED = ("adjust", "release", "freeze", "thaw", "assign", "undo")
Floats = NDArray[np.float64]


class Companion(Protocol):
    """A plain output that can be replaced."""

    def update(self, bundle: dict[str, str]) -> None:
        """Show another mimebundle in the same place."""
        ...


class DisplayCompanion:
    """An output of the present cell, made with its own display id."""

    def __init__(self, bundle: dict[str, str]) -> None:
        from IPython.display import display

        show: Any = display
        self._handle = show(bundle, raw=True, display_id=True)

    def update(self, bundle: dict[str, str]) -> None:
        """Replace the output; the id routes it, so any thread may call."""
        self._handle.update(bundle, raw=True)


def sentence(view: RunView) -> str:
    """Return the run in one line of plain text."""
    loss = f", loss {view.loss:.4g}" if math.isfinite(view.loss) else ""
    metrics = "".join(
        f", {m.name.replace('_', ' ')} {m.values[-1]:.4g}" for m in view.metrics if len(m.values)
    )
    return f"{view.name}: {view.status} at step {view.step}{loss}{metrics}"


def fallback(view: RunView, kind: str) -> dict[str, str]:
    """Return what a page without live widgets shows in place of one."""
    text = f"{kind} of {sentence(view)}"
    note = "Run the cell in JupyterLab or Jupyter Notebook to see it live."
    return {
        "text/plain": text,
        "text/html": f"<p>{html.escape(text)}. {note}</p>",
    }


def empty(uid: str) -> dict[str, str]:
    """Return the output as it is before there is anything to show."""
    return {"text/plain": "", "text/html": f'<div class="it-still it-still-{uid}"></div>'}


def unpack(head: Head, buffers: Buffers) -> list[tuple[Head, Floats, Floats]]:
    """Return (about, steps, means) of every curve of a frame."""
    steps = np.frombuffer(buffers[0], dtype="<f8")
    values = np.frombuffer(buffers[1], dtype="<f4").astype(np.float64)
    curves = []
    for about in head["curves"]:
        count, at, first = about["count"], about["at"], about["values"]
        curves.append((about, steps[at : at + count], values[first : first + count]))
    return curves


def bundle(view: RunView, head: Head, buffers: Buffers, uid: str) -> dict[str, str]:
    """Return the plain output: drawing, table of the course, interventions."""
    curves = unpack(head, buffers)
    text = sentence(view)
    message = f"<pre>{html.escape(view.message[:2000])}</pre>" if view.message else ""
    body = message + _course(curves) + _matrices(view) + _journal(view)
    return page(text, f"Loss and learning rate of {text}", picture(view, curves), body, uid)


def page(text: str, alt: str, image: bytes, body: str, uid: str) -> dict[str, str]:
    """Return a plain output: a sentence that folds away a drawing (PNG) and what stands below."""
    drawing = ""
    if image:
        data, alt = base64.b64encode(image).decode("ascii"), html.escape(alt, quote=True)
        drawing = f'<img alt="{alt}" style="max-width:100%" src="data:image/png;base64,{data}">'
    body = drawing + body
    return {
        "text/plain": text,
        "text/html": f'<details open class="it-still it-still-{uid}">'
        f"<summary>{html.escape(text)}</summary>{body}</details>",
    }


def table(caption: str, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as HTML."""
    head = "".join(f'<th scope="col">{html.escape(title)}</th>' for title in titles)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f"<details><summary>{html.escape(caption)}</summary>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></details>"
    )


def _course(curves: list[tuple[Head, Floats, Floats]]) -> str:
    """Loss, learning rate and metrics at some steps, the last one included."""
    named = {
        about["name"] or about["kind"]: (steps, values)
        for about, steps, values in curves
        if about["run"] == 0 and about["kind"] != "plan" and len(steps)
    }
    if "loss" not in named:
        return ""
    steps = named["loss"][0]
    picks = np.unique(np.linspace(0, len(steps) - 1, TABLE_ROWS).round().astype(int))
    rows = []
    for pick in picks:
        step = steps[pick]
        row = [f"{int(step)}"]
        for at, values in named.values():
            place = int(np.searchsorted(at, step, side="right")) - 1
            row.append(f"{values[place]:.4g}" if place >= 0 else "")
        rows.append(row)
    return table("Values", ["step", *(name.replace("_", " ") for name in named)], rows)


def _matrices(view: RunView) -> str:
    """Return the tables of the small ones; a large one would fill the page."""
    tables = []
    for metric in view.metrics:
        if metric.matrix is not None and len(metric.matrix) <= TABLE_CLASSES:
            titles = ["label \\ prediction", *map(str, range(metric.matrix.shape[1]))]
            rows = [[f"{i}", *(f"{v:g}" for v in row)] for i, row in enumerate(metric.matrix)]
            tables.append(table(metric.name.replace("_", " ").capitalize(), titles, rows))
    return "".join(tables)


def _journal(view: RunView) -> str:
    rows = [
        [f"{e.step}", e.text + (" (undone)" if e.undone else ""), e.source]
        for e in view.journal[-JOURNAL_ROWS:]
    ]
    return table("Interventions", ["after step", "what", "by"], rows) if rows else ""


def picture(view: RunView, curves: list[tuple[Head, Floats, Floats]]) -> bytes:
    """Draw loss and learning rate as PNG; empty without matplotlib or without points."""
    losses = [c for c in curves if "loss" in (c[0]["name"] or c[0]["kind"]) and len(c[1])]
    rates = [c for c in curves if c[0]["kind"] == "lr" and len(c[1])]
    if not losses:
        return b""

    def draw(figure: Any) -> None:
        if rates:
            top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
            bottom.plot(rates[0][1], rates[0][2], color=COLOURS[0], drawstyle="steps-post")
            bottom.set_ylabel("learning rate")
        else:
            top = bottom = figure.subplots()
        _draw_losses(top, losses, view)
        bottom.set_xlabel("step")
        for axes in {top, bottom}:
            axes.grid(alpha=0.25)
            axes.spines[["top", "right"]].set_visible(False)
            for entry in view.journal:
                if entry.kind in MARKED and not entry.undone:
                    axes.axvline(entry.step, color="#808", alpha=0.5, linewidth=0.7)

    return paint(draw, (8.4, 4.2))


def paint(draw: Callable[[Any], None], size: tuple[float, float], colours: int = 64) -> bytes:
    """Return what is drawn on a matplotlib figure (inches) as a small PNG; empty without it."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return b""
    for dpi in (110, 80, 55):
        figure = Figure(figsize=size, layout="constrained", dpi=dpi)
        render: Any = FigureCanvasAgg(figure)
        draw(figure)
        render.draw()
        image = _png(np.asarray(render.buffer_rgba())[..., :3], colours)
        if len(image) <= MAX_PICTURE:
            return image
    return b""


def _png(pixels: NDArray[np.uint8], colours: int) -> bytes:
    """Return an image with a palette, a third of the size of all colours."""
    from PIL import Image  # matplotlib stands on it

    target = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(pixels)).quantize(colours)
    image.save(target, "PNG", optimize=True)
    return target.getvalue()


def _draw_losses(axes: Any, losses: list[tuple[Head, Floats, Floats]], view: RunView) -> None:
    for number, (about, steps, values) in enumerate(losses):
        label = about["name"].replace("_", " ") or ("loss" if about["run"] == 0 else "")
        colour, dash = COLOURS[number % 4], ("-", "--", "-.", ":")[number % 4]
        if about["kind"] == "loss":
            axes.plot(steps, values, linewidth=0.5, alpha=0.35, color=colour)
            values = _smooth(values, 0.9 ** about["size"])
        axes.plot(steps, values, linewidth=1.6, label=label, color=colour, linestyle=dash)
    if all(bool(np.all(values[np.isfinite(values)] > 0)) for _, _, values in losses):
        axes.set_yscale("log")
    unit = view.labels.get("loss", "")
    axes.set_ylabel(f"loss ({unit})" if unit else "loss")
    if len(losses) > 1:
        axes.legend(frameon=False)


def _smooth(values: Floats, keep: float) -> Floats:
    """Return the bias-corrected moving average that the dashboard draws."""
    out = np.full(len(values), np.nan)
    total = weight = 0.0
    for place, value in enumerate(values):
        if math.isfinite(value):
            total = keep * total + (1.0 - keep) * value
            weight = keep * weight + (1.0 - keep)
            out[place] = total / weight
    return out
