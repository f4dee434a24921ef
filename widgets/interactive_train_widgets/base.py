"""`LiveWidget`: one anywidget, one comm, one publisher, whatever panels it is made of.

The widget's traits are configuration, set once, one `saved` trait that the
publisher writes when a run rests, and the slow readings of `readings`. Live data never
travels in traits. Callbacks of messages check and queue; they run on whatever thread the kernel
likes.
"""

from __future__ import annotations

import inspect
import uuid
import weakref
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import anywidget
import traitlets

from interactive_train.runtime.errors import did_you_mean, refusal
from interactive_train.training.records.view import RunView, Source
from interactive_train_widgets import messages, still
from interactive_train_widgets.assets import script, stylesheet
from interactive_train_widgets.describe import Head
from interactive_train_widgets.easel import Easel
from interactive_train_widgets.frames import Buffers, Composer, freeze_frame
from interactive_train_widgets.publisher import ENDED, KEEP_COLUMNS, Publisher
from interactive_train_widgets.readings import READ_ONLY, Readings
from interactive_train_widgets.routes import follow_the_page
from interactive_train_widgets.sources import ReportSource, bind

LAYOUTS = ("default", "lecture")


class LiveWidget(Readings, anywidget.AnyWidget):
    """A list of panels over one or several runs.

    Every live widget has read-only traits to observe and to link; `Readings` lists them.

    Parameters
    ----------
    *runs : Run, optimiser state tree or None
        What to show; the first one is steered. None makes a report callback.
    layout : {"default", "lecture"}
        ``"lecture"`` has text of 18 px and lines of 3 px.

    Attributes
    ----------
    latencies : list of float
        Seconds from each press in the browser to the step boundary where it took effect.
    publisher_cpu_seconds : float
        CPU time that showing the run has cost its process so far.

    Raises
    ------
    TypeError
        If a keyword is not known or a run is no run.
    ValueError
        If there is no such layout.
    """

    _esm = script()
    _css = stylesheet("charts", "panels", "timeline")
    config = traitlets.Dict().tag(sync=True)
    saved = traitlets.Bytes(b"").tag(sync=True)

    panels: Sequence[str] = ()
    _observed = False  # somebody wants to hear of traits, whether or not a page shows the widget

    def __init__(self, *runs: object, layout: str = "default", **unknown: object) -> None:
        where = type(self).__name__
        if unknown:
            name = next(iter(unknown))
            own = list(inspect.signature(type(self).__init__).parameters.values())[1:]
            stars = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
            known = sorted({"layout", *(p.name for p in own if p.kind not in stars)})
            raise TypeError(
                refusal(where, "unknown keyword", repr(name), did_you_mean(name, known))
            )
        if layout not in LAYOUTS:
            raise ValueError(
                refusal(where, "layout must be known", repr(layout), did_you_mean(layout, LAYOUTS))
            )
        self._sources: tuple[Source, ...] = tuple(bind(run, where) for run in runs or (None,))
        watching = isinstance(self._sources[0], ReportSource)
        self._stills: list[still.Companion] = []
        self._publisher = self._publish(watching)
        self._easel = Easel(self._stills, lambda error: self._publisher.refuse("", error))
        self.uid = uuid.uuid4().hex[:12]
        super().__init__()
        self.config = {"panels": list(self.panels), "look": layout, "uid": self.uid}
        self._own_layout = self.layout
        self.tell(self._sources[0].view())
        self.on_msg(self._hear)
        follow_the_page(self.comm)
        self.comm.on_close(lambda _: self._publisher.retire())  # a page threw it away
        self._follow()

    # -- what a person reads ------------------------------------------------------------------

    @property
    def latencies(self) -> list[float]:
        """Seconds from each press in the browser to the step boundary where it took effect."""
        return self._publisher.latencies

    @property
    def publisher_cpu_seconds(self) -> float:
        """CPU time of the publisher's thread while the run trained, and of looks at the layers."""
        return self._publisher.cpu_seconds + self._publisher.look_seconds

    @property
    def frames_sent(self) -> int:
        """Pictures sent so far."""
        return self._publisher.frames

    def close(self) -> None:
        """Close the widget and end its thread."""
        publisher = self.__dict__.get("_publisher")  # absent when the arguments were refused
        if publisher is not None:
            publisher.close()
            self._easel.finish()
        super().close()
        own = self.__dict__.get("_own_layout")
        if own is not None:  # a model of its own, that ipywidgets would leave behind
            own.close()

    def observe(self, handler: Any, names: Any = traitlets.All, type: Any = "change") -> None:  # noqa: A002 - traitlets' name
        """Call `handler` when a trait changes; the run is followed from now on, shown or not.

        The handler runs on the widget's own thread, beside the training. An exception
        of its own is reported once and harms nothing.

        Parameters
        ----------
        handler : callable
            Takes a change, a dictionary with ``"name"``, ``"old"`` and ``"new"``.
        names : str or list of str
            The traits; all of them by default.
        type : str
            As in traitlets.

        Examples
        --------
        >>> import interactive_train_widgets as widgets
        >>> curve = widgets.LossCurve()
        >>> curve.observe(lambda change: change["new"], "step")
        >>> curve.close()
        """
        super().observe(handler, names, type)
        if "_publisher" in self.__dict__:
            self._observed = True
            self._publisher.wake()

    def set_state(self, sync_data: Mapping[str, Any]) -> None:
        """Take which step a page selects; every other trait is refused."""
        for name, value in sync_data.items():
            if name == "selected_step":
                self._hear(self, {"kind": "select", "step": value}, None)
                continue
            where = type(self).__name__
            error = refusal(where, "a page cannot set this trait", repr(name), "Send a command.")
            self._publisher.refuse("", ValueError(error))

    def notify_change(self, change: Any) -> None:
        """Tell observers of a change, and the page of what `tell` does not send."""
        if change["name"] in READ_ONLY:
            traitlets.HasTraits.notify_change(self, change)
        else:
            super().notify_change(change)

    # -- a blocking fit's report --------------------------------------------------------------

    def __call__(
        self,
        *,
        global_step: int,
        epoch: int,
        loss: float,
        lr: float = float("nan"),
        metrics: Mapping[str, Any] | None = None,
    ) -> None:
        """Take a report of ``fit(..., report=dashboard)``: the dashboard then only watches."""
        source = self._sources[0]
        if not isinstance(source, ReportSource):
            raise TypeError(
                refusal(
                    type(self).__name__,
                    "a report callback is made without a run",
                    "one that shows a run",
                    f"Use report={type(self).__name__}().",
                )
            )
        source.report(global_step, epoch, loss, lr, metrics or {})
        if not self._publisher.alive:
            self._publisher.wake()

    # -- the port of the publisher ------------------------------------------------------------

    def post(self, content: Head, buffers: Buffers) -> None:
        """Send one custom message (publisher's thread only)."""
        self.send(content, buffers)

    def keep(self, view: RunView, head: Head, buffers: Buffers) -> None:
        """Keep a picture for the saved notebook (publisher's thread only)."""
        kept = freeze_frame(head, buffers)
        with self.complaining():
            self.saved = kept
        if self._stills:
            self._easel.paint(partial(still.bundle, view, head, buffers, self.uid))

    def tell(self, view: RunView) -> None:
        """Let the traits follow, in one message (publisher's thread only)."""
        before = {name: getattr(self, name) for name in READ_ONLY}
        self.read(view)
        # `hold_sync` would hold, and might lose, what a person's thread sets meanwhile.
        changed = [name for name in READ_ONLY if getattr(self, name) != before[name]]
        if changed:
            self.send_state(changed)

    def select(self, step: int | None) -> None:
        """Set the step under the crosshair, without an echo (publisher's thread only)."""
        with self.complaining(), self._lock_property(selected_step=step):
            self.selected_step = step

    def leave(self) -> None:
        """Close the widget: nobody wants what it shows (publisher's thread only)."""
        self.close()

    def accompany(self, companion: still.Companion) -> None:
        """Update a plain output as well, whenever a picture is kept."""
        self._stills.append(companion)

    # -- internals ----------------------------------------------------------------------------

    def _publish(self, watching: bool) -> Publisher:
        """Return the one thread that writes to this widget."""
        return Publisher(self, self._sources, watch_only=watching, blind=watching)

    def _follow(self) -> None:
        """Look again when the source says that something happened, if it offers to say so."""
        subscribe = getattr(self._sources[0], "subscribe", None)
        if callable(subscribe):
            mine = weakref.ref(self)

            def wake() -> None:
                widget = mine()
                if widget is not None and (widget._publisher.flow.open or widget._observed):
                    widget._publisher.wake()

            def retire() -> None:
                widget = mine()
                if widget is not None:
                    widget._publisher.retire()

            if "closed" in inspect.signature(subscribe).parameters:
                subscribe(wake, retire)
            else:
                subscribe(wake)

    def _hear(self, _widget: object, content: object, _buffers: object) -> None:
        try:
            message = messages.parse(content)
        except ValueError as error:
            identity = content.get("id", "") if isinstance(content, Mapping) else ""
            self._publisher.refuse(str(identity)[:100], error)
        else:
            self._publisher.receive(message)

    def _ipython_display_(self) -> None:
        """Show the live widget, and behind it the plain output that a saved notebook keeps."""
        from IPython.display import display

        show: Any = display
        bundle = self._repr_mimebundle_()
        if bundle is not None:
            show(bundle[0], metadata=bundle[1], raw=True)
        view = self._sources[0].view()
        self.accompany(still.DisplayCompanion(self._first_still(view)))
        if view.status not in ENDED:
            self._publisher.wake()  # the picture of the end is kept, whether a page connects or not

    def _first_still(self, view: RunView) -> dict[str, str]:
        """Return the plain output at display time: whole, when the run has already ended."""
        if view.status not in ENDED:
            return still.empty(self.uid)
        head, buffers = Composer(self._sources, False).frame(view, KEEP_COLUMNS)
        if not self._publisher.alive:
            self.saved = freeze_frame(head, buffers)
        return still.bundle(view, head, buffers, self.uid)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        result = super()._repr_mimebundle_(**kwargs)
        if result is None:
            return None
        data, metadata = result
        view = self._sources[0].view()
        return data | still.fallback(view, type(self).__name__), metadata
