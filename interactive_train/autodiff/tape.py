"""The tape: what was computed from what, and the reverse walk over it.

A Tensor that depends on a leaf of a running `grad` carries a Node; the nodes
hang together through their inputs, so the tape is the values themselves. Node
numbers grow with time: walking them downwards visits every node after all that
use it. A gradient is made of primitives, hence differentiable like any other value.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from interactive_train.autodiff.tensor import OPERATIONS, Tensor

_numbers = itertools.count()

Vjp = Callable[..., Tensor]


class Node:
    """One application of a primitive: its inputs, its value, and how gradients go back."""

    __slots__ = ("attributes", "inputs", "number", "value", "vjps")

    def __init__(
        self,
        inputs: tuple[Tensor, ...],
        value: NDArray[Any],
        vjps: Sequence[Vjp | None],
        attributes: Mapping[str, Any],
    ) -> None:
        self.inputs, self.value, self.vjps, self.attributes = inputs, value, vjps, attributes
        self.number = next(_numbers)


def leaf(value: Tensor) -> Tensor:
    """Return a new value equal to `value` from which a gradient can be taken.

    It hangs on `value` by the identity, so that an outer gradient passes through.
    """
    inputs = (value,) if value.node is not None else ()
    node = Node(inputs, value.data, (lambda g, y, x: g,), {})
    return Tensor.wrap(value.data, node)


def backward(output: Tensor, seed: Tensor, leaves: Sequence[Tensor]) -> list[Tensor | None]:
    """Return the gradient of `output` (weighted by `seed`) for each leaf, None where unreached.

    Parameters
    ----------
    output, seed : Tensor
        Of equal shape.
    leaves : sequence of Tensor
        Made by `leaf`.
    """
    wanted = {tensor.node.number for tensor in leaves if tensor.node is not None}
    if output.node is None or not wanted:
        return [None] * len(leaves)
    active = _descendants(output.node, wanted)
    gradients: dict[int, Tensor] = {output.node.number: seed}
    queue = [(-output.node.number, output.node)] if output.node.number in active else []
    while queue:
        _, node = heapq.heappop(queue)
        if node.number in wanted:
            continue
        gradient = gradients.pop(node.number)
        value = Tensor.wrap(node.value, node)
        for tensor, vjp in zip(node.inputs, node.vjps, strict=True):
            source = tensor.node
            if source is None or vjp is None or source.number not in active:
                continue
            part = vjp(gradient, value, *node.inputs, **node.attributes)
            before = gradients.get(source.number)
            if before is None:
                gradients[source.number] = part
                heapq.heappush(queue, (-source.number, source))
            else:
                gradients[source.number] = OPERATIONS["add"](before, part)
    return [gradients.get(t.node.number) if t.node is not None else None for t in leaves]


def _descendants(top: Node, wanted: set[int]) -> set[int]:
    """Return the numbers of the nodes below `top` that depend on a wanted node."""
    oldest = min(wanted)
    seen: dict[int, Node] = {top.number: top}
    stack = [top]
    while stack:
        for tensor in stack.pop().inputs:
            node = tensor.node
            if node is not None and node.number >= oldest and node.number not in seen:
                seen[node.number] = node
                stack.append(node)
    active: set[int] = set()
    for number in sorted(seen):
        inputs = seen[number].inputs
        if number in wanted or any(t.node is not None and t.node.number in active for t in inputs):
            active.add(number)
    return active
