"""What a saved notebook keeps of the views of pictures: a drawing, its text and its table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from interactive_train import nn
from interactive_train_widgets import (
    AttentionView,
    ConvolutionView,
    DrawDigit,
    Misclassified,
    still,
)
from interactive_train_widgets.teaching.base import TeachingView

RNG = np.random.default_rng(0)
IMAGES = RNG.random(size=(30, 1, 8, 8)).astype(np.float32)
NAMES = ["$a$", "<b>", "c\nd", " ", *"efghij"]  # of whom matplotlib and HTML may think something


def convolution() -> TeachingView:
    model = nn.Sequential(nn.Conv2d(1, 20, 3), nn.relu, nn.Flatten(), nn.Linear(720, 10))
    return ConvolutionView(nn.init(model, seed=0), IMAGES, classes=NAMES)


def attention() -> TeachingView:
    model = nn.Sequential(nn.Embedding(10, 8), nn.TransformerBlock(8, 2, causal=True))
    return AttentionView(nn.init(model, seed=0), np.arange(10), NAMES)


def paper() -> TeachingView:
    view = DrawDigit(nn.init(nn.Linear(64, 10), seed=0), classes=NAMES)
    view.example(5)
    return view


def wall() -> TeachingView:
    model = nn.init(nn.Linear(64, 10), seed=0)
    labels = RNG.integers(0, 10, len(IMAGES))
    return Misclassified(model, IMAGES.reshape(-1, 64), labels, classes=NAMES)


@pytest.mark.parametrize("make", [convolution, attention, paper, wall])
def test_a_view_is_drawn_for_a_saved_notebook(make: Callable[[], TeachingView]) -> None:
    view = make()
    picture = view.compute(view._sources[0].view(), 600)
    assert picture.text.endswith(".")
    image = still.paint(lambda figure: view.draw(figure, picture), view.size, 200)
    assert image.startswith(b"\x89PNG")
    assert 2_000 < len(image) < 40_000
    bundle: Any = view._still(picture)
    assert "<table" in bundle["text/html"]
    assert "<b>" not in bundle["text/html"]
    view.close()


LINEAR = nn.init(nn.Linear(4, 2), seed=0)
GIVEN: list[tuple[type[TeachingView], tuple[Any, ...]]] = [
    (ConvolutionView, (LINEAR, IMAGES)),
    (AttentionView, (nn.init(nn.MultiHeadAttention(4, 2), seed=0), [1])),
    (DrawDigit, (LINEAR,)),
    (Misclassified, (LINEAR, np.zeros((1, 4)), np.zeros(1, int), (2, 2))),
]


@pytest.mark.parametrize(("kind", "given"), GIVEN)
def test_a_misspelt_keyword_is_refused_with_the_right_one(kind: Any, given: Any) -> None:
    rule = rf"{kind.__name__}: unknown keyword.*Did you mean \"layout\""
    with pytest.raises(TypeError, match=rule):
        kind(*given, layuot="lecture")
