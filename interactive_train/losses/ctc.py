"""CTC: the loss of a sequence of labels that nobody has aligned with the frames.

Between and around the S labels stand blanks, 2 S + 1 states in all. alpha[s] is the logarithm
of the probability that the frames so far end in state s; a frame moves it on to the same
state, the next one, or over a blank between two different labels. Every step is made of
primitives, so that gradients, also of gradients, follow by themselves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.autodiff.ops.composed import logsumexp
from interactive_train.autodiff.ops.elementwise import where as choose
from interactive_train.autodiff.ops.shape import concatenate, stack
from interactive_train.autodiff.ops.softmax import log_softmax
from interactive_train.autodiff.primitive import promote
from interactive_train.autodiff.tensor import Tensor
from interactive_train.losses.options import examples_and_classes
from interactive_train.losses.reduce import labels_tensor, loss, reduced
from interactive_train.runtime.checks import whole_number
from interactive_train.runtime.errors import refusal

WHERE = "losses.ctc"
# The logarithm of 0: any sum with it rounds to it, and unlike an infinity it leaves no NaN.
NEVER = -1e30

Ints = NDArray[np.int64]


@loss(unit="nats per example")
def ctc(
    logits: Any,
    labels: Any,
    *,
    logit_lengths: Any = None,
    label_lengths: Any = None,
    blank: int = 0,
    reduction: str = "mean",
) -> Tensor:
    """Connectionist temporal classification, from raw logits.

    loss = - mean over examples of log of the sum, over all alignments of the labels with the
    frames, of the product of softmax(logits) along them, in nats.

    Parameters
    ----------
    logits : array_like, shape (examples, frames, classes)
        Raw scores; no softmax before.
    labels : array_like of int, shape (examples, most_labels)
        Classes but the blank. Behind an example's last label stands anything, if
        `label_lengths` is given, and else -1.
    logit_lengths : array_like of int, shape (examples,), optional
        How many frames of each example count; all when omitted.
    label_lengths : array_like of int, shape (examples,), optional
        How many labels each example has.
    blank : int
        The class that stands for no label.
    reduction : {"mean", "sum", "none"}
        "mean" is over examples; PyTorch's divides each one by its number of labels first.

    Returns
    -------
    Tensor, scalar (a NumPy scalar for plain arrays)
        With ``reduction="none"`` one value per example.

    Raises
    ------
    TypeError
        If labels or lengths are no integers.
    ValueError
        If shapes do not fit, a label or length is out of range, or an example has fewer frames
        than its labels need.

    References
    ----------
    Graves et al., "Connectionist Temporal Classification", 2006.

    Examples
    --------
    >>> import numpy as np
    >>> logits = np.zeros((1, 2, 3))  # two frames, three classes: 9 paths, each as probable
    >>> labels = np.array([[1]])  # 3 of them say it: (1, 1), (blank, 1), (1, blank)
    >>> float(np.exp(-ctc(logits, labels))).__round__(6)
    0.333333
    """
    (x,) = promote(WHERE, [logits])
    for given, name in (
        (labels, "labels"),
        (logit_lengths, "logit_lengths"),
        (label_lengths, "label_lengths"),
    ):
        _need_values(given, name)
    y = labels_tensor(labels, WHERE).data
    if x.ndim != 3 or y.ndim != 2 or len(y) != x.shape[0]:
        raise ValueError(
            refusal(
                WHERE,
                "logits are (examples, frames, classes) and labels (examples, most labels)",
                f"logits {x.shape} and labels {y.shape}",
                "Examples come first; pad the labels with -1.",
            )
        )
    examples_and_classes(x, WHERE, least=2)
    examples, frames, classes = x.shape
    if examples == 0 or frames == 0:
        raise ValueError(refusal(WHERE, "needs an example with a frame", f"shape {x.shape}"))
    empty = whole_number(blank, "blank", WHERE, low=0)
    counts = _label_lengths(label_lengths, y)
    lengths = _lengths(logit_lengths, "logit_lengths", examples, frames)
    y = _checked(y, counts, lengths, classes, empty)

    # states[n, s] is a blank for even s and the label s // 2 for odd s.
    states = np.full((examples, 2 * y.shape[1] + 1), empty, np.int64)
    states[:, 1::2] = y
    skips = np.zeros(states.shape, np.bool_)  # into which states one may come over a blank
    skips[:, 3::2] = y[:, 1:] != y[:, :-1]
    n, t = np.ogrid[:examples, :frames]
    spoken = log_softmax(x)[n[:, :, None], t[:, :, None], states[:, None, :]]
    alpha = _forward(spoken, skips, lengths)

    # It ends in the last blank or the last label; of no label there is the blank alone.
    places = np.arange(states.shape[1])
    ends = (places == 2 * counts[:, None]) | (places == 2 * counts[:, None] - 1)
    return reduced(-logsumexp(choose(Tensor.wrap(ends), alpha, NEVER)), reduction, WHERE)


def _need_values(given: Any, name: str) -> None:
    """Refuse what is known at the step only: which states there are depends on the labels."""
    if isinstance(given, Tensor) and not given.known:
        raise TypeError(
            refusal(
                WHERE,
                f"the values of {name} are at hand when it is called",
                f"a value of a step that is being recorded, of shape {given.shape}",
                'Train with execution="eager".',
            )
        )


def _forward(spoken: Tensor, skips: NDArray[np.bool_], lengths: Ints) -> Tensor:
    """Return alpha after the last frame that counts.

    Parameters
    ----------
    spoken : Tensor, shape (examples, frames, states)
        The log-probability of each state's class at each frame.
    skips : ndarray of bool, shape (examples, states)
        Whether a state is reached from the last but one.
    lengths : ndarray of int, shape (examples,)
        How many frames of each example count.
    """
    examples, frames, states = spoken.shape
    wall = Tensor.wrap(np.full((examples, 2), NEVER, spoken.dtype))
    first = Tensor.wrap(np.broadcast_to(np.arange(states) < 2, skips.shape).copy())
    may_skip = Tensor.wrap(skips)
    alpha = choose(first, spoken[:, 0], NEVER)
    for frame in range(1, frames):
        padded = concatenate([wall, alpha], axis=1)
        before, over = padded[:, 1:-1], choose(may_skip, padded[:, :-2], NEVER)
        moved = logsumexp(stack([alpha, before, over]), axis=0) + spoken[:, frame]
        if (lengths <= frame).any():
            lasts = Tensor.wrap((lengths > frame)[:, None])
            moved = choose(lasts, moved, alpha)
        alpha = moved
    return alpha


def _lengths(value: Any, name: str, examples: int, most: int) -> Ints:
    """Return lengths, one per example, each in 0 ... most."""
    if value is None:
        return np.full(examples, most, np.int64)
    array = np.asarray(value)
    if array.dtype.kind not in "iu":
        raise TypeError(
            refusal(WHERE, f"{name} are integers", f"dtype {array.dtype}", "Use .astype(int).")
        )
    fits = array.shape == (examples,) and bool(((array >= 0) & (array <= most)).all())
    if not fits:
        got = f"{array.tolist()}" if array.size <= 20 else f"shape {array.shape}"
        raise ValueError(
            refusal(
                WHERE,
                f"{name} has one number for each of {examples} examples, 0 ... {most}",
                got,
                "Count what is not padding.",
            )
        )
    return array.astype(np.int64)


def _label_lengths(value: Any, y: Ints) -> Ints:
    """Return how many labels each example has: as given, or up to the first -1."""
    if value is not None:
        return _lengths(value, "label_lengths", *y.shape)
    ended = np.logical_or.accumulate(y == -1, axis=1)
    return np.asarray((~ended).sum(axis=1), np.int64)


def _checked(y: Ints, counts: Ints, lengths: Ints, classes: int, blank: int) -> Ints:
    """Return labels with blanks for padding; refuse what no alignment can say."""
    if blank >= classes:
        raise ValueError(
            refusal(WHERE, f"blank is a class, 0 ... {classes - 1}", str(blank), "Often it is 0.")
        )
    used = np.arange(y.shape[1]) < counts[:, None]
    wrong = np.argwhere(used & ((y < 0) | (y >= classes) | (y == blank)))
    if wrong.size:
        index = tuple(wrong[0].tolist())
        raise ValueError(
            refusal(
                WHERE,
                f"labels are 0 ... {classes - 1} but the blank, {blank}",
                f"{int(y[index])} at index {index}",
                "Pad behind the last label with -1, or give label_lengths.",
            )
        )
    repeats = ((y[:, 1:] == y[:, :-1]) & used[:, 1:]).sum(axis=1)
    short = np.flatnonzero((lengths < counts + repeats) | (lengths == 0))
    if short.size:
        i = int(short[0])
        raise ValueError(
            refusal(
                WHERE,
                "an example has a frame for each label, and one between two equal labels",
                f"{lengths[i]} frames for {counts[i]} labels with {repeats[i]} repeats in "
                f"example {i}",
                "Leave it out, or let the model keep more frames.",
            )
        )
    return np.where(used, y, blank)
