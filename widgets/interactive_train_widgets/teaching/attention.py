"""`AttentionView`: what every head of a transformer looks at, while it learns to look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.nn import MultiHeadAttention
from interactive_train.nn.module import modules
from interactive_train.runtime.errors import refusal
from interactive_train.training.records.view import RunView
from interactive_train_widgets.assets import script, stylesheet
from interactive_train_widgets.messages import Value
from interactive_train_widgets.teaching.attention_weights import attention_weights
from interactive_train_widgets.teaching.base import TeachingView
from interactive_train_widgets.teaching.outputs import drawn
from interactive_train_widgets.teaching.picture import Picture, Table
from interactive_train_widgets.teaching.subject import Moment, Subject

WHERE = "AttentionView"
MAX_TOKENS = 128
MAX_LABEL = 16  # characters


class AttentionView(TeachingView):
    """The attention weights of a transformer for one sequence: a row for each query, live.

    Layer and head are picked on the page; so is the query, whose row is also shown on the text.
    What a causal mask hides is hatched.

    Parameters
    ----------
    run : Run, TrainState or Module
        Of a model that takes (batch, time) numbers of tokens and has `nn.MultiHeadAttention` in it,
        as `nn.TransformerBlock` does.
    tokens : array_like of int, shape (time,)
        One sequence, at most 128 long.
    labels : sequence of str, optional
        How to write each token of the sequence; its number by default.
    layout : {"default", "lecture"}

    Raises
    ------
    TypeError
        If the run is none, or a keyword is not known.
    ValueError
        If tokens and labels do not belong together, or the model has no attention layer.

    Examples
    --------
    >>> from interactive_train import nn
    >>> class Model(nn.Module):
    ...     def __init__(self):
    ...         self.tokens = nn.Embedding(128, 16)
    ...         self.block = nn.TransformerBlock(16, 4, causal=True, rope=True)
    ...     def forward(self, x):
    ...         return self.block(self.tokens(x))
    >>> model, text = nn.init(Model(), seed=0), "to be or"
    >>> view = AttentionView(model, [ord(c) for c in text], labels=list(text))
    >>> view.layers
    ['block.attention']
    >>> view.weights().shape
    (4, 8, 8)
    >>> view.close()
    """

    _esm = script("teaching/attention")
    _css = stylesheet("teaching", "pictures")
    title = "Attention"
    choices = ("layer",)
    size = (5.2, 4.8)

    def __init__(
        self,
        run: object,
        tokens: Any,
        labels: Sequence[str] | None = None,
        *,
        layout: str = "default",
        **unknown: object,
    ) -> None:
        self._subject = Subject(run, WHERE)
        self._tokens = _sequence(tokens)
        self._labels = _written(labels, self._tokens)
        self._layer = 0
        model = self._subject.moment().model
        found = [p for p, m in modules(model) if isinstance(m, MultiHeadAttention)]
        if not found:
            rule = "the model has an nn.MultiHeadAttention"
            raise ValueError(refusal(WHERE, rule, type(model).__name__))
        self.layers = found
        super().__init__(
            self._subject.source,
            options={"still": self._subject.run is None},
            layout=layout,
            **unknown,
        )

    def weights(self, layer: str = "") -> NDArray[np.float64]:
        """Return the weights of a layer at the last step boundary.

        Parameters
        ----------
        layer : str
            One of `layers`; by default the one that is shown.

        Returns
        -------
        array, shape (heads, queries, keys)

        Raises
        ------
        ValueError
            If there is no such layer, or the model did not use it.
        """
        return self._look(self._subject.moment(), layer or self.layers[self._layer])[0]

    def choose(self, name: str, value: Value) -> None:
        """Pick a layer by its place in `layers`."""
        if not isinstance(value, float) or value not in range(len(self.layers)):
            rule = f"layer is a number below {len(self.layers)}"
            raise ValueError(refusal(WHERE, rule, repr(value)))
        self._layer = int(value)

    def compute(self, view: RunView, columns: int) -> Picture:
        """Return the weights of the chosen layer."""
        path = self.layers[self._layer]
        moment = self._subject.moment()
        weights, causal = self._look(moment, path)
        heads, queries, keys = weights.shape
        labels = self._labels
        surest = weights.max(axis=2)
        most = weights.argmax(axis=2)
        across = keys != queries
        names = [str(k) for k in range(keys)] if across else labels
        rows = [
            (str(head + 1), f"{labels[q]} ({q})", f"{names[most[head, q]]} ({most[head, q]})",
             f"{100 * surest[head, q]:.0f} %")
            for head in range(heads)
            for q in range(queries)
        ]  # fmt: skip
        looks = ", ".join(f"{i + 1}: {100 * p:.0f} %" for i, p in enumerate(surest.mean(axis=1)))
        text = (
            f"Attention weights of {path}: {heads} heads, {queries} queries by {keys} keys"
            f"{', later keys hidden' if causal else ''}. "
            f"Mean largest weight by head, {looks}."
        )
        head = {
            "layers": self.layers,
            "layer": self._layer,
            "causal": causal,
            "labels": labels,
            "keys": names,
        }
        table = Table("Most attended key", ("head", "query", "key", "weight"), rows)
        arrays = {"weights": np.rint(255 * weights).astype(np.uint8)}
        return Picture(head, arrays, text, table, moment.step)

    def draw(self, figure: Any, picture: Picture) -> None:
        """Draw the first head of the chosen layer."""
        head = picture.head
        axes = figure.subplots()
        shown = axes.imshow(picture.arrays["weights"][0] / 255, cmap="Blues", vmin=0, vmax=1)
        labels, keys = map(drawn, head["labels"]), list(map(drawn, head["keys"]))
        small = {"fontsize": max(4, min(9, 240 // max(len(keys), 1)))}
        axes.set_xticks(range(len(keys)), keys, **small)
        axes.set_yticks(range(len(head["labels"])), labels, **small)
        axes.set(xlabel="key", ylabel="query", title=f"{head['layers'][head['layer']]}, head 1")
        figure.colorbar(shown, ax=axes, label="weight")

    def _look(self, moment: Moment, path: str) -> tuple[NDArray[np.float64], bool]:
        passed = moment.captured(self._tokens[None])
        if path not in self.layers or path not in passed:
            rule = "the layer is one that the model used"
            raise ValueError(refusal(WHERE, rule, repr(path), f"It has {', '.join(self.layers)}."))
        layer: Any = dict(modules(moment.model))[path]
        x, *rest = passed[path].inputs
        return attention_weights(layer, x, rest[0] if rest else None)[0], bool(layer.causal)


def _sequence(tokens: Any) -> NDArray[np.int64]:
    found = np.array(tokens)
    if found.ndim != 1 or found.dtype.kind not in "iu" or not 1 <= found.size <= MAX_TOKENS:
        got = f"{found.dtype} of shape {found.shape}"
        rule = f"tokens is a sequence of 1 to {MAX_TOKENS} whole numbers"
        raise ValueError(refusal(WHERE, rule, got, "Give one sequence of a batch: tokens[0]."))
    return found.astype(np.int64)


def _written(labels: Sequence[str] | None, tokens: NDArray[np.int64]) -> list[str]:
    if labels is None:
        return [str(token) for token in tokens]
    if len(labels) != len(tokens):
        rule = f"labels has one text for each of {len(tokens)} tokens"
        raise ValueError(refusal(WHERE, rule, f"{len(labels)}"))
    return [str(label)[:MAX_LABEL] for label in labels]
