"""`TeachingView`: the common base of the teaching views.

A view is three pure pieces: `compute` turns what it looks at into a `Picture` (numbers, a text
alternative, a table), `draw` puts a picture on a matplotlib figure for saved notebooks, and a
script in ``js/teaching/`` draws it on the page and sends what a person chose, which `choose`
takes. Threads, rates, acknowledgements and what a saved notebook keeps come from `LiveWidget`
and its publisher.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from interactive_train.runtime.errors import did_you_mean, refusal
from interactive_train.training.records.view import RunView, Source
from interactive_train.training.run import frontend
from interactive_train_widgets import still
from interactive_train_widgets.assets import stylesheet
from interactive_train_widgets.base import LiveWidget
from interactive_train_widgets.curves import Window
from interactive_train_widgets.describe import Head
from interactive_train_widgets.frames import Buffers, freeze_frame
from interactive_train_widgets.messages import Value
from interactive_train_widgets.publisher import Publisher
from interactive_train_widgets.teaching.picture import Picture, Table, pack

BUDGET = 0.01  # part of one core for pictures; looking at the run takes the rest of 1.5 %
SLOWEST = 4.0  # seconds between two frames at most: a dear picture comes seldom
COLOURS = 200  # of the still picture, which has shades
STILL_ROWS = 20  # of the table in a saved notebook


class TeachingView(LiveWidget):
    """One picture of a run that teaches one thing.

    A subclass names its script in ``_esm = script("teaching/<name>")`` and gives `compute` and
    `draw`; one that can be steered lists its choices in `choices` and takes them in `choose`.

    Parameters
    ----------
    source : Source
        What is listened to; see `Subject`.
    options : mapping, optional
        What the script needs to know once and for all.
    layout : {"default", "lecture"}

    Raises
    ------
    TypeError
        If a keyword is not known.
    ValueError
        If there is no such layout.
    """

    _css = stylesheet("teaching")
    choices: ClassVar[tuple[str, ...]] = ()  # names of what can be chosen on the page
    size: ClassVar[tuple[float, float]] = (6.4, 4.4)  # of the still picture, inches
    hold: ClassVar[float] = 0.0  # seconds for which a picture stands at least while a run trains

    def __init__(
        self,
        source: Source,
        *,
        options: Mapping[str, Any] | None = None,
        layout: str = "default",
        **unknown: object,
    ) -> None:
        self._painter = Painter(self)
        super().__init__(source, layout=layout, **unknown)
        self.config = self.config | {"options": dict(options or {}), "title": self.title}

    # -- what a view gives ---------------------------------------------------------------------

    @property
    def title(self) -> str:
        """What stands above the picture."""
        return type(self).__name__

    def compute(self, view: RunView, columns: int) -> Picture:
        """Return the picture at the last step boundary; called by the publisher's thread alone.

        All its numbers are of one `Moment`, and the picture names that moment's step.

        Parameters
        ----------
        view : RunView
        columns : int
            Pixels that the widest page has for it.
        """
        raise NotImplementedError

    def draw(self, figure: Any, picture: Picture) -> None:
        """Draw a picture on a matplotlib figure."""
        raise NotImplementedError

    def choose(self, name: str, value: Value) -> None:
        """Take what a person chose on the page; ValueError where that cannot be."""
        raise NotImplementedError

    # -- the port of the publisher -------------------------------------------------------------

    def keep(self, view: RunView, head: Head, buffers: Buffers) -> None:
        """Keep a picture for the saved notebook (publisher's thread only)."""
        kept = freeze_frame(head, buffers)
        with self.complaining():
            self.saved = kept
        picture = self._painter.newest
        if self._stills and picture is not None:
            self._easel.paint(partial(self._still, picture))

    def refresh(self) -> None:
        """Draw anew, though no step was taken: what the picture depends on has changed."""
        self._painter.revision += 1
        self._publisher.wake()

    def _publish(self, watching: bool) -> Publisher:
        return Publisher(
            self,
            self._sources,
            composer=self._painter,
            slowest=SLOWEST,
            budget=BUDGET,
            hold=self.hold,
        )

    # -- how it is displayed -------------------------------------------------------------------

    def _still(self, picture: Picture) -> dict[str, str]:
        table = picture.table
        image = b""
        if not picture.trouble:
            image = still.paint(lambda figure: self.draw(figure, picture), self.size, COLOURS)
        rows = still.table(table.caption, table.titles, table.rows[:STILL_ROWS])
        text = f"{self.title}. {picture.trouble or picture.text}"
        return still.page(text, text, image, rows if table.rows else "", self.uid)

    def _ipython_display_(self) -> None:
        super()._ipython_display_()
        self._publisher.wake()  # a picture of an ended run is drawn, whether a page connects or not

    def _first_still(self, view: RunView) -> dict[str, str]:
        if frontend.is_headless():
            return self._still(self.compute(view, 600))
        return still.empty(self.uid)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        note = "Run the cell in JupyterLab or Jupyter Notebook to see it live."
        plain = {
            "text/plain": self.title,
            "text/html": f"<p>{html.escape(self.title)}. {note}</p>",
        }
        return bundle[0] | plain, bundle[1]


class Painter:
    """Makes the frames of a teaching view: what its publisher asks for pictures."""

    def __init__(self, view: TeachingView) -> None:
        self.revision = 0
        self.newest: Picture | None = None
        self._view = view

    def head(self, view: RunView) -> Head:
        """Return where the run stands."""
        return {
            "run": {
                "name": view.name,
                "status": view.status,
                "step": view.step,
                "message": view.message,
            }
        }

    def frame(
        self, view: RunView, columns: int, windows: Sequence[Window] = ()
    ) -> tuple[Head, Buffers]:
        """Return the view's picture, packed; it has no step axis to zoom."""
        try:
            picture = self._view.compute(view, columns)
        except (FloatingPointError, ValueError) as error:  # not finite, other inputs: said there
            picture = Picture({}, {}, "", Table("", (), ()), view.step, str(error))
        self.newest = picture
        head, buffers = pack(picture)
        where = self.head(view)
        where["run"]["step"] = picture.step  # the run may have gone on since `view`
        return where | head, buffers

    def rows(self, view: RunView) -> tuple[Head, Buffers]:
        """Refuse: a picture has no recorded rows."""
        raise ValueError(refusal(self._view.title, "it records no rows", view.name))

    def choose(self, name: str, value: Value) -> None:
        """Hand a choice to the view, and draw anew."""
        known = self._view.choices
        if name not in known:
            raise ValueError(
                refusal(
                    type(self._view).__name__,
                    "a choice must be a known one",
                    repr(name),
                    did_you_mean(name, known),
                )
            )
        self._view.choose(name, value)
        self.revision += 1
