"""Filters and activation maps are the model's own, layer by layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.signal import correlate2d

from interactive_train import nn
from interactive_train.nn.capture import capture
from interactive_train_widgets import ConvolutionView
from interactive_train_widgets.teaching.feature_maps import blocks, colour_scale, coloured
from tests.widgets.teaching.page import READY, eventually, heard, say

RNG = np.random.default_rng(0)
IMAGES = RNG.random(size=(5, 1, 8, 8)).astype(np.float32)


def net() -> Any:
    return nn.init(
        nn.Sequential(
            nn.Conv2d(1, 4, 3, padding="same"),
            nn.relu,
            nn.Conv2d(4, 6, 3),
            nn.relu,
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(54, 10),
        ),
        seed=0,
    )


def test_the_maps_of_a_filter_are_what_scipy_correlates() -> None:
    model = net()
    _, (first, second) = blocks(model, capture(model, IMAGES[2:3]))
    for channel in range(4):
        kernel, offset = first.weight[channel, 0], model.layers[0].bias[channel]
        expected = correlate2d(IMAGES[2, 0], kernel, mode="same") + offset
        np.testing.assert_allclose(first.stages[0].values[channel], expected, atol=1e-5)
    rectified = np.maximum(first.stages[0].values, 0)
    np.testing.assert_array_equal(first.stages[1].values, rectified)
    summed = sum(correlate2d(rectified[i], second.weight[3, i], mode="valid") for i in range(4))
    np.testing.assert_allclose(
        second.stages[0].values[3], summed + model.layers[2].bias[3], atol=1e-5
    )


def test_a_block_is_a_convolution_and_what_follows_as_a_picture() -> None:
    model = net()
    picture, found = blocks(model, capture(model, IMAGES[:1]))
    np.testing.assert_array_equal(picture, IMAGES[0])
    names = [[maps.kind for maps in block.stages] for block in found]
    assert names == [["Conv2d", "relu"], ["Conv2d", "relu", "MaxPool2d"]]


def test_containers_that_give_the_same_again_are_no_stage() -> None:
    inner = nn.Sequential(nn.Conv2d(1, 2, 3), nn.relu)
    model = nn.init(nn.Sequential(inner, nn.Conv2d(2, 2, 3)), seed=0)
    _, found = blocks(model, capture(model, IMAGES[:1]))
    assert [[maps.kind for maps in block.stages] for block in found] == [
        ["Conv2d", "relu"],
        ["Conv2d"],
    ]


def test_a_model_without_convolution_is_said() -> None:
    model = nn.init(nn.Linear(3, 2), seed=0)
    with pytest.raises(ValueError, match=r"ConvolutionView: the model uses an nn.Conv2d"):
        blocks(model, capture(model, np.zeros((1, 3), np.float32)))


def test_a_colour_scale_is_round_and_never_too_small() -> None:
    for largest in (1e-8, 0.03, 0.99, 1.0, 1.01, 7.3, 9.99, 123456.0):
        scale = colour_scale(np.array([0.0, -largest]))
        assert largest <= scale * (1 + 1e-6) <= 1.7 * largest + 1e-12
    assert colour_scale(np.array([np.nan, np.inf])) == 1.0


def test_bytes_give_the_values_back() -> None:
    values = RNG.uniform(-1, 1, size=100)
    back = (coloured(values, 1.0).astype(float) - 128) / 127
    np.testing.assert_allclose(back, values, atol=0.5 / 127 + 1e-9)


def test_the_view_sends_filters_maps_and_what_the_model_says() -> None:
    model = net()
    model(IMAGES)  # kernels that are new to the machine take seconds
    view = ConvolutionView(model, IMAGES)
    say(view, READY)
    say(view, {"kind": "choose", "id": "a", "name": "picture", "value": 4})
    eventually(lambda: heard(view, "frame") and heard(view, "frame")[-1]["data"]["picture"] == 4)
    frame = heard(view, "frame")[-1]
    first, second = frame["data"]["blocks"]
    assert first["path"] == "layers.0"
    assert frame["arrays"][second["filters"]["array"]]["shape"] == [6, 4, 3, 3]
    assert frame["arrays"][second["stages"][2]["array"]]["shape"] == [6, 3, 3]
    best = int(np.asarray(model(IMAGES[4:5])).argmax())
    assert frame["data"]["best"] == best
    assert f"Read as {best} " in frame["text"]
    assert [row[0] for row in frame["table"]["rows"]] == [f"layers.{i}" for i in range(5)]
    for value in (5, -1, 0.5, "1", True):
        say(view, {"kind": "choose", "id": "b", "name": "picture", "value": value})
    eventually(lambda: sum(len(t["tickets"]) for t in heard(view, "tickets")) == 5)
    view.close()


def test_the_view_hands_out_the_maps_themselves() -> None:
    view = ConvolutionView(net(), IMAGES)
    maps = view.maps(1)
    assert list(maps) == [f"layers.{i}" for i in range(5)]
    expected = capture(net(), IMAGES[1:2])["layers.3"].output[0]
    np.testing.assert_array_equal(maps["layers.3"], expected)
    view.close()


def test_many_channels_and_large_maps_are_thinned() -> None:
    model = nn.init(nn.Sequential(nn.Conv2d(3, 48, 3, padding="same")), seed=0)
    images = RNG.random(size=(1, 3, 150, 100)).astype(np.float32)
    model(images)
    view = ConvolutionView(model, images)
    say(view, READY)
    eventually(lambda: heard(view, "frame"))
    frame = heard(view, "frame")[0]
    (stage,) = frame["data"]["blocks"][0]["stages"]
    assert frame["arrays"][stage["array"]]["shape"] == [32, 50, 34]
    assert stage["total"] == 48
    view.close()


def test_a_single_picture_needs_its_axis() -> None:
    with pytest.raises(ValueError, match=r"image holds 1 to 1000 inputs.*image\[None\]"):
        ConvolutionView(net(), np.zeros(64))


def test_what_has_other_channels_belongs_to_no_filter() -> None:
    model = nn.init(nn.Sequential(nn.Conv2d(1, 4, 3), nn.Lambda(lambda x: x[:, :2])), seed=0)
    _, (block,) = blocks(model, capture(model, IMAGES[:1]))
    assert [maps.kind for maps in block.stages] == ["Conv2d"]
