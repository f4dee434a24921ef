"""Figures that show themselves in a notebook, without pyplot and its global state.

matplotlib (extra ``notebook``) is imported when a figure is made. A bare matplotlib figure
is shown as text where pyplot was never imported; these bring their own picture.
"""

from __future__ import annotations

from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING

from interactive_train.runtime.errors import refusal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 100


@cache
def figure_class(where: str) -> type[Figure]:
    """Return the class of figures that show themselves.

    Parameters
    ----------
    where : str
        The call that needs it, for the message.

    Raises
    ------
    ImportError
        If matplotlib is not installed; says how to install it.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            refusal(
                where,
                "pictures are drawn with matplotlib",
                f"an import error ({error})",
                'Install it: pip install "interactive-train[notebook]"',
            )
        ) from error

    class ShownFigure(Figure):
        """A matplotlib figure with a picture of its own, in twice the resolution."""

        def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
            FigureCanvasAgg(self)
            target = BytesIO()
            self.savefig(target, format="png", dpi=2 * DPI)
            width, height = self.get_size_inches() * DPI
            return target.getvalue(), {"width": int(width), "height": int(height)}

    return ShownFigure
