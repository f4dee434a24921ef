"""Convolutional and pooling layers: shapes, initial values, a small net that learns, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import nn
from interactive_train.autodiff.ops.convolution import conv2d, conv_transpose2d

IMAGES = np.random.default_rng(0).normal(size=(4, 3, 8, 9)).astype(np.float32)
LINES = IMAGES[..., 0]

SHAPES: dict[str, tuple[nn.Module, Any, tuple[int, ...]]] = {
    "Conv2d": (nn.Conv2d(3, 5, 3), IMAGES, (4, 5, 6, 7)),
    "Conv2d same": (nn.Conv2d(3, 5, (3, 2), padding="same"), IMAGES, (4, 5, 8, 9)),
    "Conv2d as in PyTorch": (nn.Conv2d(3, 6, 3, 2, 1, groups=3), IMAGES, (4, 6, 4, 5)),
    "Conv1d": (nn.Conv1d(3, 5, 3, dilation=2, padding="causal"), LINES, (4, 5, 8)),
    "ConvTranspose2d": (nn.ConvTranspose2d(3, 5, 2, 2), IMAGES, (4, 5, 16, 18)),
    "ConvTranspose1d": (nn.ConvTranspose1d(3, 5, 3, 2, 1, 1), LINES, (4, 5, 16)),
    "MaxPool2d": (nn.MaxPool2d(2), IMAGES, (4, 3, 4, 4)),
    "MaxPool2d same": (nn.MaxPool2d(3, 2, "same"), IMAGES, (4, 3, 4, 5)),
    "MaxPool1d": (nn.MaxPool1d(3, 1), LINES, (4, 3, 6)),
    "AvgPool2d": (nn.AvgPool2d((2, 3)), IMAGES, (4, 3, 4, 3)),
    "AvgPool1d": (nn.AvgPool1d(2, padding=1), LINES, (4, 3, 5)),
    "AdaptiveAvgPool2d": (nn.AdaptiveAvgPool2d((2, 4)), IMAGES, (4, 3, 2, 4)),
    "AdaptiveAvgPool1d": (nn.AdaptiveAvgPool1d(3), LINES, (4, 3, 3)),
    "GlobalAvgPool": (nn.GlobalAvgPool(), IMAGES, (4, 3)),
    "Flatten": (nn.Flatten(), IMAGES, (4, 216)),
}


@pytest.mark.parametrize("case", SHAPES)
def test_shapes_and_types(case: str) -> None:
    layer, x, shape = SHAPES[case]
    for dtype in (np.float32, np.float64):
        y = nn.init(layer, seed=0, dtype=dtype)(x.astype(dtype))
        assert y.shape == shape
        assert y.dtype == (dtype if hasattr(layer, "weight") else np.float32)


def test_a_layer_is_its_operation_and_a_bias_per_channel() -> None:
    layer = nn.init(nn.Conv2d(3, 5, 3, padding="same", bias_init=nn.initializers.ones), seed=1)
    want = conv2d(IMAGES, layer.weight, padding="same").numpy() + 1
    np.testing.assert_allclose(layer(IMAGES).numpy(), want, rtol=1e-6)
    layer = nn.init(nn.ConvTranspose2d(3, 5, 3, 2, bias=False), seed=1)
    assert layer.bias is None
    want = conv_transpose2d(IMAGES, layer.weight, stride=2).numpy()
    np.testing.assert_array_equal(layer(IMAGES).numpy(), want)


@pytest.mark.parametrize(
    ("layer", "fans"),
    [
        (nn.Conv2d(64, 32, 3), (64 * 9, 32 * 9)),
        (nn.Conv1d(64, 32, 5, groups=2), (32 * 5, 32 * 5)),
        (nn.ConvTranspose2d(64, 32, 3), (64 * 9, 32 * 9)),
    ],
    ids=str,
)
def test_initial_weights_are_glorots(layer: Any, fans: tuple[int, int]) -> None:
    weight = nn.init(layer, seed=0).weight
    limit = np.sqrt(6 / sum(fans))
    assert 0.99 * limit < abs(weight).max() <= limit
    assert abs(weight.std() * np.sqrt(3) / limit - 1) < 0.03


def test_the_global_average_is_the_mean() -> None:
    want = IMAGES.mean((2, 3))
    np.testing.assert_allclose(nn.GlobalAvgPool()(IMAGES).numpy(), want, rtol=1e-4, atol=1e-6)
    got = nn.AdaptiveAvgPool2d(1)(IMAGES).numpy()[:, :, 0, 0]
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-6)


def test_a_small_net_tells_rows_from_columns() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 1, 8, 8)).astype(np.float32) * 0.3
    y = np.arange(64) % 2
    for i in range(64):
        if y[i]:
            x[i, 0, i % 8] += 2
        else:
            x[i, 0, :, i % 8] += 2
    model = nn.Sequential(
        *(nn.Conv2d(1, 6, 3, padding="same"), nn.relu, nn.MaxPool2d(2), nn.GlobalAvgPool()),
        nn.Linear(6, 2),
    )
    trainer = it.Trainer(model, it.optim.Adam(0.05), loss=it.losses.cross_entropy_sparse)
    state = trainer.fit(trainer.init(seed=0), (x, y), batch_size=32, epochs=30)
    assert (np.asarray(trainer.predict(state, x)).argmax(1) == y).mean() > 0.95


REFUSED: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "other channels": (
        lambda: nn.init(nn.Conv2d(4, 2, 3))(IMAGES),
        ValueError,
        r"nn.Conv2d: axis 1 of the input has 4 channels; got shape \(4, 3, 8, 9\)\. "
        r"Declare nn.Conv2d\(3, 2, ...\)",
    ),
    "channels last": (
        lambda: nn.init(nn.Conv2d(3, 2, 3))(IMAGES.transpose(0, 2, 3, 1)),
        ValueError,
        r"Channels come first: x.transpose\(0, 3, 1, 2\)",
    ),
    "an image without a batch, deep in a model": (
        lambda: nn.init(nn.Sequential(nn.relu, nn.Conv2d(3, 2, 3)))(IMAGES[0]),
        ValueError,
        r"nn.Conv2d at layers.1: the input has 4 axes .*Add an axis: x\[None\]",
    ),
    "a window larger than the image": (
        lambda: nn.init(nn.Conv2d(3, 2, 10))(IMAGES),
        ValueError,
        r"nn.Conv2d: the window of \(10, 10\) fits into the padded input",
    ),
    "a pool larger than the image": (
        lambda: nn.MaxPool2d(10)(IMAGES),
        ValueError,
        r"nn.MaxPool2d: the window of \(10, 10\) fits",
    ),
    "integers": (
        lambda: nn.init(nn.Conv2d(3, 2, 3))(np.ones((1, 3, 4, 4), np.uint8)),
        TypeError,
        "nn.Conv2d: the input must be floating",
    ),
    "groups that do not divide": (
        lambda: nn.Conv2d(3, 4, 3, groups=2),
        ValueError,
        "nn.Conv2d: groups divides in_channels; got 2 groups of 3 channels",
    ),
    "no channels": (lambda: nn.Conv1d(0, 4, 3), ValueError, "in_channels is a positive integer"),
    "a kernel of 0": (lambda: nn.Conv2d(3, 4, 0), ValueError, "kernel_size is a whole number"),
    "an unknown padding": (
        lambda: nn.Conv2d(3, 4, 3, padding="circular"),
        ValueError,
        r'nn.Conv2d: padding is a number or one of "same", "valid"; got \'circular\'',
    ),
    "a transposed padding in words": (
        lambda: nn.ConvTranspose2d(3, 4, 3, padding="same"),  # type: ignore[arg-type]
        TypeError,
        "nn.ConvTranspose2d: padding is a whole number from 0",
    ),
    "rows for images": (
        lambda: nn.GlobalAvgPool()(np.ones((2, 3), np.float32)),
        ValueError,
        r"nn.GlobalAvgPool: the input is \(samples, channels, ...\)",
    ),
    "a number to flatten": (lambda: nn.Flatten()(np.float32(1)), ValueError, "axis of samples"),
    "a pad that is no flag": (
        lambda: nn.AvgPool2d(2, count_include_pad=1),  # type: ignore[arg-type]
        TypeError,
        "count_include_pad must be True or False",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused(case: str) -> None:
    call, kind, message = REFUSED[case]
    with pytest.raises(kind, match=message):
        call()
