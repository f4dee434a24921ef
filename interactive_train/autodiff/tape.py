"""The tape: what was computed from what, and the reverse walk over it.

A Tensor that depends on a leaf of a running `grad` carries a Node; the nodes
hang together through their inputs, so the tape is the values themselves. Node
numbers grow with time: walking them downwards visits every node after all that
use it. A gradient is made of primitives, hence differentiable like any other value; it is
recorded only when an outer gradient listens, that is, when the walk meets a node from
before the leaves. Otherwise gradients are bare values, and nothing of a step outlives it.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from interactive_train.autodiff.ghost import Ghost
from interactive_train.autodiff.tensor import OPERATIONS, Tensor

_numbers = itertools.count()

Vjp = Callable[..., Tensor]


class Node:
    """One application of a primitive: its inputs, its value, and how gradients go back."""

    __slots__ = ("attributes", "inputs", "number", "value", "vjps")

    def __init__(
        self,
        inputs: tuple[Tensor, ...],
        value: Any,
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
    return walk(output, seed, leaves)[0]


def walk(
    output: Tensor, seed: Tensor, leaves: Sequence[Tensor]
) -> tuple[list[Tensor | None], bool]:
    """As `backward`; say also whether an outer gradient listens."""
    wanted = {tensor.node.number for tensor in leaves if tensor.node is not None}
    if output.node is None or not wanted:
        return [None] * len(leaves), output.node is not None
    active, nested = _descendants(output.node, wanted)
    recording = nested or seed.node is not None
    gradients: dict[int, Tensor] = {output.node.number: seed}
    queue = [(-output.node.number, output.node)] if output.node.number in active else []
    while queue:
        _, node = heapq.heappop(queue)
        if node.number in wanted:
            continue
        gradient = gradients.pop(node.number)
        if type(node.value) is Ghost:
            node.value.recorder.differentiate(node.value)
        if recording:
            value, inputs = Tensor.wrap(node.value, node), node.inputs
        else:
            value, inputs = Tensor.wrap(node.value), tuple([bare(t) for t in node.inputs])
        for tensor, vjp in zip(node.inputs, node.vjps, strict=True):
            source = tensor.node
            if source is None or vjp is None or source.number not in active:
                continue
            part = vjp(gradient, value, *inputs, **node.attributes)
            before = gradients.get(source.number)
            if before is None:
                gradients[source.number] = part
                heapq.heappush(queue, (-source.number, source))
            else:
                gradients[source.number] = OPERATIONS["add"](before, part)
    found = [gradients.get(t.node.number) if t.node is not None else None for t in leaves]
    return found, recording


def bare(tensor: Tensor) -> Tensor:
    """Return the value without its history."""
    if tensor.node is None:
        return tensor
    return Tensor.made(tensor.data, None, tensor.spec, tensor.address)


def is_nested(output: Tensor, leaves: Sequence[Tensor]) -> bool:
    """Whether `output` also depends on values from before the leaves: an outer gradient listens."""
    wanted = {tensor.node.number for tensor in leaves if tensor.node is not None}
    return output.node is not None and (not wanted or _descendants(output.node, wanted)[1])


def _descendants(top: Node, wanted: set[int]) -> tuple[set[int], bool]:
    """Walk down from `top` to the leaves.

    Returns
    -------
    (set of int, bool)
        The numbers of the nodes that depend on a wanted node, and whether an input came from before
        the oldest of them.
    """
    oldest = min(wanted)
    nested = top.number < oldest
    seen: dict[int, Node] = {top.number: top}
    stack = [top]
    while stack:
        for tensor in stack.pop().inputs:
            node = tensor.node
            if node is None or node.number in seen:
                continue
            if node.number < oldest:
                nested = True
                continue
            seen[node.number] = node
            stack.append(node)
    active: set[int] = set()
    for number in sorted(seen):
        inputs = seen[number].inputs
        if number in wanted or any(t.node is not None and t.node.number in active for t in inputs):
            active.add(number)
    return active, nested
