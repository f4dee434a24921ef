"""Convolutions and pooling as operations: gradients by differences, PyTorch's numbers, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from interactive_train.autodiff import Tensor, check_grads, vjp
from interactive_train.autodiff.ops.convolution import (
    conv1d,
    conv2d,
    conv_transpose1d,
    conv_transpose2d,
)
from interactive_train.autodiff.ops.pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    avg_pool1d,
    avg_pool2d,
    max_pool1d,
    max_pool2d,
)
from tests.conftest import require

torch = require("torch")


def draw(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


F: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "conv2d": (conv2d, (draw(2, 3, 5, 6), draw(4, 3, 3, 2, seed=1))),
    "conv2d, same, strides, groups": (
        lambda x, w: conv2d(x, w, stride=(2, 1), padding="same", groups=2) ** 2,
        (draw(2, 4, 5, 6), draw(6, 2, 3, 2, seed=1)),
    ),
    "conv2d, dilated": (
        lambda x, w: conv2d(x, w, padding=(2, 1), dilation=2),
        (draw(1, 2, 6, 7), draw(3, 2, 3, 3, seed=1)),
    ),
    "conv1d, causal": (
        lambda x, w: conv1d(x, w, padding="causal", dilation=2) ** 2,
        (draw(2, 3, 9), draw(4, 3, 3, seed=1)),
    ),
    "conv_transpose2d": (
        lambda x, w: conv_transpose2d(x, w, stride=2, padding=1, output_padding=1) ** 2,
        (draw(2, 4, 3, 3), draw(4, 2, 3, 3, seed=1)),
    ),
    "conv_transpose1d": (
        lambda x, w: conv_transpose1d(x, w, stride=3, groups=2),
        (draw(2, 4, 5), draw(4, 2, 2, seed=1)),
    ),
    "max_pool2d": (lambda x: max_pool2d(x, 3, stride=2, padding=1) ** 2, (draw(2, 3, 5, 6),)),
    "max_pool1d": (lambda x: max_pool1d(x, 2) ** 2, (draw(2, 3, 7),)),
    "avg_pool2d": (lambda x: avg_pool2d(x, 3, stride=2, padding=1) ** 2, (draw(2, 3, 5, 6),)),
    "avg_pool1d": (
        lambda x: avg_pool1d(x, 3, padding=1, count_include_pad=False) ** 2,
        (draw(2, 3, 7),),
    ),
    "adaptive, unequal": (lambda x: adaptive_avg_pool2d(x, (2, 4)) ** 2, (draw(2, 3, 5, 6),)),
    "adaptive, equal": (lambda x: adaptive_avg_pool1d(x, 3) ** 2, (draw(2, 3, 6),)),
    "a value per channel": (lambda x, b: (x * b + b) * x, (draw(2, 3, 4, 2), draw(3, 1, 1))),
    "values per channel and per column": (
        lambda x, b, c: (x * b - c) * x,
        (draw(2, 3, 4, 2), draw(3, 1, 1), draw(4, 2)),
    ),
}


@pytest.mark.parametrize("name", F)
def test_first_and_second_order(name: str) -> None:
    f, args = F[name]
    check_grads(f, args, order=2)


@pytest.mark.parametrize(
    ("extent", "window", "stride", "zeros"),
    [(5, 3, 1, (1, 1)), (5, 4, 1, (1, 2)), (6, 3, 2, (0, 1)), (5, 1, 2, (0, 0)), (7, 2, 3, (0, 1))],
)
def test_same_makes_as_many_outputs_as_the_stride_leaves(
    extent: int, window: int, stride: int, zeros: tuple[int, int]
) -> None:
    x, w = draw(1, 1, extent), draw(1, 1, window, seed=1)
    y = conv1d(x, w, stride=stride, padding="same")
    assert y.shape == (1, 1, -(-extent // stride))
    padded = np.pad(x[0, 0], zeros)
    want = np.correlate(padded, w[0, 0], "valid")[::stride]
    np.testing.assert_allclose(y.numpy()[0, 0], want, rtol=1e-12)


def test_a_transposed_convolution_is_the_adjoint() -> None:
    x, w = draw(2, 3, 8, 9), draw(4, 3, 3, 3, seed=1)
    y, pull = vjp(lambda z: conv2d(z, w, stride=2, padding=1), x)
    g = draw(*y.shape, seed=2)
    (want,) = pull(g)
    got = conv_transpose2d(g, w, stride=2, padding=1, output_padding=(1, 0))
    np.testing.assert_array_equal(got.numpy(), want.numpy())


def test_non_contiguous_and_mixed_input_is_taken() -> None:
    images = draw(2, 6, 5, 3).transpose(0, 3, 1, 2)
    w = draw(4, 3, 3, 3, seed=1)
    want = conv2d(np.ascontiguousarray(images), w).numpy()
    np.testing.assert_array_equal(conv2d(images, w).numpy(), want)
    assert conv2d(images.astype(np.float32), w).dtype == np.float64
    assert conv2d(images.astype(np.float32), w.astype(np.float32)).dtype == np.float32


def test_of_equal_values_the_first_gets_the_gradient() -> None:
    x = np.zeros((1, 1, 2, 4))
    _, pull = vjp(lambda z: max_pool2d(z, 2), x)
    (g,) = pull(np.array([[[[1.0, 2.0]]]]))
    assert g.numpy().tolist() == [[[[1.0, 0.0, 2.0, 0.0], [0.0, 0.0, 0.0, 0.0]]]]


@pytest.mark.parametrize("shape", [(0, 3, 5, 5), (2, 3, 5, 5)])
def test_an_empty_batch_goes_through(shape: tuple[int, ...]) -> None:
    y, pull = vjp(lambda x, w: max_pool2d(conv2d(x, w), 2), np.ones(shape), draw(4, 3, 2, 2))
    dx, dw = pull(np.ones(y.shape))
    assert (dx.shape, dw.shape) == (shape, (4, 3, 2, 2))
    assert shape[0] or not dw.numpy().any()


IMAGE, LINE, W = np.ones((2, 3, 5, 5)), np.ones((2, 3, 5)), np.ones((4, 3, 3, 3))
REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "an image without a batch": (
        lambda: conv2d(IMAGE[0], W),
        r"conv2d: the input has 4 axes \(images, .*got shape \(3, 5, 5\)\. Add an axis: x\[None\]",
    ),
    "rows of features": (lambda: conv2d(np.ones((2, 3)), W), "Reshape it to"),
    "channels last": (
        lambda: conv2d(IMAGE.transpose(0, 2, 3, 1), W),
        r"take 3 channels; got shape \(2, 5, 5, 3\)\. Channels are the second axis: x.transpose",
    ),
    "a window larger than the image": (
        lambda: conv2d(IMAGE[..., :2, :], W),
        r"conv2d: the window of \(3, 3\) fits into the padded input; got shape \(2, 3, 2, 5\) "
        r'with padding \(0, 0\)\. .*padding="same"',
    ),
    "an unknown padding": (
        lambda: conv2d(IMAGE, W, padding="full"),
        r'padding is a number or one of "same", "valid"; got \'full\'',
    ),
    "a causal image": (lambda: conv2d(IMAGE, W, padding="causal"), "got 'causal'"),
    "a stride of 0": (lambda: conv2d(IMAGE, W, stride=0), "stride is a whole number from 1"),
    "three strides": (lambda: conv2d(IMAGE, W, stride=(1, 1, 1)), "or a pair of them; got"),
    "half a step": (lambda: conv2d(IMAGE, W, stride=0.5), "stride is a whole number"),  # type: ignore[arg-type]
    "groups that do not divide": (lambda: conv2d(IMAGE, W[:, :1], groups=3), "3 groups divide"),
    "a filter without taps": (lambda: conv2d(IMAGE, W[..., :0]), "none empty"),
    "a filter of a line": (lambda: conv1d(LINE, W), "the filters have 3 axes"),
    "too much output padding": (
        lambda: conv_transpose2d(IMAGE, W.swapaxes(0, 1), output_padding=1),
        "output_padding is less than the stride",
    ),
    "nothing left": (
        lambda: conv_transpose2d(IMAGE[..., :1, :1], W.swapaxes(0, 1), padding=2),
        "the result has at least one row",
    ),
    "a pool larger than the image": (lambda: max_pool2d(IMAGE, 6), r"the window of \(6, 6\) fits"),
    "a pool of a line": (lambda: max_pool2d(LINE, 2), "max_pool2d: the input has 4 axes"),
    "a pool beyond the image": (lambda: avg_pool2d(IMAGE, 2, padding=2), "at most half of the"),
    "no window": (lambda: adaptive_avg_pool2d(IMAGE, 0), "output_size is a whole number from 1"),
    "no pixel": (lambda: adaptive_avg_pool2d(IMAGE[..., :0], 1), "the input has 4 axes"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused(case: str) -> None:
    call, message = REFUSED[case]
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_integers_are_refused() -> None:
    with pytest.raises(TypeError, match="max_pool2d: arithmetic needs floating arrays"):
        max_pool2d(Tensor(np.ones((1, 1, 4, 4), np.int64)), 2)


LIVE: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[Any, ...]]] = {
    "conv2d": (
        lambda x, w: conv2d(x, w, stride=(2, 3), padding=(2, 1), dilation=(1, 2), groups=2),
        lambda f, x, w: f.conv2d(x, w, stride=(2, 3), padding=(2, 1), dilation=(1, 2), groups=2),
        (draw(3, 4, 17, 19), draw(6, 2, 3, 4, seed=1)),
    ),
    "conv2d same": (
        lambda x, w: conv2d(x, w, padding="same"),
        lambda f, x, w: f.conv2d(x, w, padding="same"),
        (draw(5, 16, 14, 14), draw(32, 16, 3, 3, seed=1)),
    ),
    "conv1d": (
        lambda x, w: conv1d(x, w, padding=3, stride=2),
        lambda f, x, w: f.conv1d(x, w, padding=3, stride=2),
        (draw(3, 4, 50), draw(6, 4, 7, seed=1)),
    ),
    "conv_transpose2d": (
        lambda x, w: conv_transpose2d(x, w, stride=3, padding=1, output_padding=(2, 1), groups=2),
        lambda f, x, w: f.conv_transpose2d(
            x, w, stride=3, padding=1, output_padding=(2, 1), groups=2
        ),
        (draw(2, 4, 7, 5), draw(4, 3, 4, 2, seed=1)),
    ),
    "max_pool2d": (
        lambda x: max_pool2d(x, (3, 2), stride=2, padding=1),
        lambda f, x: f.max_pool2d(x, (3, 2), stride=2, padding=1),
        (np.maximum(draw(2, 3, 9, 8), 0.0),),
    ),
    "avg_pool2d": (
        lambda x: avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False),
        lambda f, x: f.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False),
        (draw(2, 3, 9, 8),),
    ),
    "adaptive_avg_pool2d": (
        lambda x: adaptive_avg_pool2d(x, (4, 3)),
        lambda f, x: f.adaptive_avg_pool2d(x, (4, 3)),
        (draw(2, 3, 9, 8),),
    ),
}


@pytest.mark.oracle
@pytest.mark.parametrize("case", LIVE)
def test_values_and_gradients_are_pytorchs(case: str) -> None:
    ours, theirs, args = LIVE[case]
    inputs = [torch.tensor(a, requires_grad=True) for a in args]
    want = theirs(torch.nn.functional, *inputs)
    g = draw(*want.shape, seed=9)
    want.backward(torch.tensor(g))
    got, pull = vjp(ours, *args)
    np.testing.assert_allclose(got.numpy(), want.detach().numpy(), rtol=1e-11, atol=1e-12)
    for found, given in zip(pull(g), inputs, strict=True):
        np.testing.assert_allclose(found.numpy(), given.grad.numpy(), rtol=1e-11, atol=1e-11)
