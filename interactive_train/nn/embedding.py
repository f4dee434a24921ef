"""Embedding: one trained row for each of a number of tokens, places or categories."""

from __future__ import annotations

import math
from typing import Any

from interactive_train.autodiff.ops.indexing import embedding
from interactive_train.autodiff.ops.linear import product
from interactive_train.autodiff.ops.shape import reshape
from interactive_train.autodiff.tensor import Tensor, as_tensor
from interactive_train.nn.initializers import Initializer, normal
from interactive_train.nn.layers import named, positive
from interactive_train.nn.module import Module, Parameter, require_floating
from interactive_train.runtime.blas import blas
from interactive_train.runtime.errors import refusal


class Embedding(Module):
    """Row number i of a table for each integer i of the input.

    Parameters
    ----------
    vocabulary : int
        How many rows there are; indices are 0 ... vocabulary - 1.
    features : int
        The extent of a row.
    weight_init : callable
        See `nn.initializers`; by default N(0, 0.02^2), as GPT-2's.

    Attributes
    ----------
    weight : array, shape (vocabulary, features)

    Raises
    ------
    IndexError
        If an index is out of range; it names the index and its position. Negative ones are, too.
    TypeError
        If the input is not of integers.

    See Also
    --------
    Embedding.attend : The same table as the weight of an output layer.

    Examples
    --------
    >>> import numpy as np
    >>> from interactive_train import nn
    >>> layer = nn.init(Embedding(65, 8), seed=0)
    >>> layer(np.array([[1, 2, 3], [64, 0, 1]])).shape
    (2, 3, 8)

    Learned positions are an embedding of ``np.arange(time)``, which is added to each sequence:

    >>> place = nn.init(Embedding(16, 8), seed=1)
    >>> (layer(np.array([[1, 2, 3]])) + place(np.arange(3))).shape
    (1, 3, 8)
    """

    def __init__(
        self, vocabulary: int, features: int, *, weight_init: Initializer | None = None
    ) -> None:
        self.vocabulary = positive(vocabulary, "nn.Embedding", "vocabulary")
        self.features = positive(features, "nn.Embedding", "features")
        self.weight: Any = Parameter((vocabulary, features), weight_init or normal(0.02))

    def forward(self, indices: Any) -> Tensor:
        """Return the rows, of shape (..., features)."""
        index = as_tensor(indices, named(self))
        if index.dtype.kind != "i":
            raise TypeError(
                refusal(
                    named(self),
                    "the input is of integers, the numbers of rows",
                    f"{index.dtype} of shape {index.shape}",
                    "Convert it with .astype(np.int64).",
                )
            )
        return embedding.apply([as_tensor(self.weight, named(self)), index], {})

    def attend(self, x: Any) -> Tensor:
        """Return x W^T, one logit per row: an output layer that shares the table.

        Parameters
        ----------
        x : array_like, shape (..., features)

        Returns
        -------
        Tensor, shape (..., vocabulary)

        Raises
        ------
        ValueError
            If the last axis of x is not `features`.

        References
        ----------
        Press, Wolf: Using the output embedding to improve language models. 2017.

        Examples
        --------
        >>> import numpy as np
        >>> from interactive_train import nn
        >>> layer = nn.init(Embedding(65, 8), seed=0)
        >>> layer.attend(layer(np.array([3, 4]))).shape
        (2, 65)
        """
        where = f"{named(self)}.attend"
        inputs = require_floating(x, where)
        if inputs.ndim == 0 or inputs.shape[-1] != self.features:
            raise ValueError(
                refusal(
                    where,
                    f"the last axis of the input has {self.features} features",
                    f"shape {inputs.shape}",
                )
            )
        lead = inputs.shape[:-1]
        rows = reshape(inputs, (math.prod(lead), self.features))
        blas().use_one_thread()  # user code may have set the number for every copy of the library
        weight = as_tensor(self.weight, where).astype(inputs.dtype)
        logits = product.apply([rows, weight], {"ta": False, "tb": True})
        return reshape(logits, (*lead, self.vocabulary))
