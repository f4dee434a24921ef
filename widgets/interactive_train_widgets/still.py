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

from interactive_train.training.records.view import RunView
from interactive_train_widgets import plots
from interactive_train_widgets.describe import Head
from interactive_train_widgets.frames import Buffers
from interactive_train_widgets.plots import COLOURS as COLOURS  # of all still pictures

MAX_PICTURE = 42_000  # bytes of PNG; 56 KB in base64, and some kilobytes of table
TABLE_ROWS = 16
JOURNAL_ROWS = 20
TABLE_CLASSES = 20
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
    return page(text, f"Loss and learning rate of {text}", picture(head, curves), body, uid)


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
        if about["run"] == 0 and about["kind"] != "plan" and "branch" not in about and len(steps)
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


def picture(head: Head, curves: plots.Unpacked) -> bytes:
    """Draw loss and learning rate as PNG; empty without matplotlib or without points."""
    if not plots.losses_of(curves):
        return b""
    return paint(lambda figure: plots.draw(figure, head, curves), (8.4, 4.2))


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
