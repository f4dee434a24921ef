"""Data sets to learn on, as arrays: ``(x, y), (x_test, y_test)``.

Nothing is downloaded here: `digits` comes with scikit-learn (extra ``notebook``),
which is imported when the function is called.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.checks import real_number, whole_number
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.figure import figure_class
from interactive_train.runtime.key import Key

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Arrays: TypeAlias = tuple[NDArray[np.float32], NDArray[np.int64]]


def digits(test_fraction: float = 0.2, seed: int | None = 0) -> tuple[Arrays, Arrays]:
    """Return scikit-learn's handwritten digits: 1797 pictures of 8 x 8 pixels, ten classes.

    The split is stratified: of every class the same fraction is held out, the rows
    drawn by the seed. Rows keep the order in which scikit-learn has them.

    Parameters
    ----------
    test_fraction : float
        The part that is held out, in (0, 1).
    seed : int or None
        The seed of the split; None draws a fresh one each time.

    Returns
    -------
    (x, y), (x_test, y_test)
        ``x`` float32 ``[n, 64]`` in [0, 1], ``y`` int64 ``[n]``, 0 to 9.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    TypeError
        If `test_fraction` is no number, or `seed` a bool or no integer.
    ValueError
        If `test_fraction` lies outside (0, 1), or leaves a class without an example.

    References
    ----------
    Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998.

    Examples
    --------
    >>> (x, y), (x_test, y_test) = digits()
    >>> x.shape, x.dtype, y.dtype, x_test.shape
    ((1438, 64), dtype('float32'), dtype('int64'), (359, 64))
    """
    where = "datasets.digits"
    fraction = real_number(
        test_fraction, "test_fraction", where, low=0.0, high=1.0, open_low=True, open_high=True
    )
    key = Key.from_seed(seed, f"{where}, seed=")
    pixels, labels = _load_digits(where)
    x = (np.asarray(pixels) / 16.0).astype(np.float32)  # pixels are counts of 0 to 16
    y = np.asarray(labels).astype(np.int64)
    held_out = stratified(y, fraction, key, where)
    return (x[~held_out], y[~held_out]), (x[held_out], y[held_out])


def stratified(
    labels: NDArray[np.int64], fraction: float, key: Key, where: str
) -> NDArray[np.bool_]:
    """Return a mask of held-out rows: the same fraction of every class, rounded.

    Raises
    ------
    ValueError
        If a class would have no example on one of the two sides.
    """
    held_out = np.zeros(len(labels), dtype=np.bool_)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        count = round(fraction * len(rows))
        if count in (0, len(rows)):
            raise ValueError(
                refusal(
                    where,
                    "each class needs an example to train on and one to test on",
                    f"test_fraction={fraction:g} with {len(rows)} of class {label}",
                    "Give a test_fraction nearer to 0.2.",
                )
            )
        order = key.fold("datasets.split", int(label)).permutation(len(rows))
        held_out[rows[order[:count]]] = True
    return held_out


def _load_digits(where: str) -> tuple[Any, Any]:
    """Return scikit-learn's pixels and labels."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            refusal(
                where,
                "this data set comes with scikit-learn",
                f"an import error ({error})",
                'Install it: pip install "interactive-train[notebook]"',
            )
        ) from error
    data, target = load_digits(return_X_y=True)
    return data, target


def gallery(images: Any, titles: Sequence[str] = (), *, columns: int = 8) -> Figure:
    """Draw pictures side by side, dark on white.

    Parameters
    ----------
    images : array_like, shape (n, height, width) or (n, side * side)
    titles : sequence of str, optional
        One per picture.
    columns : int
        Pictures in a row.

    Returns
    -------
    matplotlib.figure.Figure
        It shows itself in a notebook.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If there is no picture, they are no pictures, or titles are not one for each.

    Examples
    --------
    >>> figure = gallery(np.zeros((2, 64)), ["one", "two"])
    >>> [panel.get_title() for panel in figure.axes]
    ['one', 'two']
    """
    where = "datasets.gallery"
    pictures = np.asarray(images, dtype=np.float64)
    width = whole_number(columns, "columns", where)
    side = math.isqrt(pictures.shape[1]) if pictures.ndim == 2 else 0
    if side and side * side == pictures.shape[1]:
        pictures = pictures.reshape(-1, side, side)
    if pictures.ndim != 3 or pictures.size == 0:
        raise ValueError(
            refusal(
                where,
                "images are of shape (n, height, width) or (n, side * side), at least one",
                f"shape {np.shape(images)}",
                "Reshape them; one picture is picture[None].",
            )
        )
    if titles and len(titles) != len(pictures):
        raise ValueError(
            refusal(where, f"one title for each of {len(pictures)} pictures", str(len(titles)))
        )
    rows = -(-len(pictures) // width)
    used = min(width, len(pictures))
    figure = figure_class(where)(figsize=(used, 1.3 * rows), layout="constrained")
    for position, picture in enumerate(pictures):
        panel = figure.add_subplot(rows, used, position + 1)
        panel.imshow(picture, cmap="gray_r")
        panel.axis("off")
        if titles:
            panel.set_title(str(titles[position]), fontsize=8)
    return figure
