"""What a publisher stands between: what makes the pictures, and the widget that shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from interactive_train.training.records.view import RunView
from interactive_train_widgets import messages
from interactive_train_widgets.curves import Window
from interactive_train_widgets.describe import Head
from interactive_train_widgets.frames import Buffers


class Port(Protocol):
    """What the publisher writes to: the widget."""

    def post(self, content: Head, buffers: Buffers) -> None:
        """Send one custom message."""
        ...

    def keep(self, view: RunView, head: Head, buffers: Buffers) -> None:
        """Put a picture of the present state where a saved notebook finds it."""
        ...

    def tell(self, view: RunView) -> None:
        """Set the traits that tell how the run stands."""
        ...

    def select(self, step: int | None) -> None:
        """Set the trait that says which step is under the crosshair of a page."""
        ...

    def leave(self) -> None:
        """Close what shows the run."""
        ...


class Compose(Protocol):
    """What makes the pictures that a publisher sends."""

    revision: int  # counts what was chosen on the page

    def head(self, view: RunView) -> Head:
        """Return the small part of a picture."""
        ...

    def frame(
        self, view: RunView, columns: int, windows: Sequence[Window] = ()
    ) -> tuple[Head, Buffers]:
        """Return a whole picture, finer in the windows of steps that somebody zoomed into."""
        ...

    def rows(self, view: RunView) -> tuple[Head, Buffers]:
        """Return what was recorded, for a file; ValueError where there is nothing of the kind."""
        ...

    def choose(self, name: str, value: messages.Value) -> None:
        """Take what a person chose on the page; ValueError where that cannot be."""
        ...
