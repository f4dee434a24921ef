"""The first layer's weights as pictures, on a stated scale."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import nn, optim
from interactive_train_widgets import FirstLayerWeights
from tests.widgets.teaching.page import READY, eventually, heard, say


def trainer() -> it.Trainer:
    model = nn.Sequential(nn.Linear(12, 5), nn.relu, nn.Linear(5, 2))
    return it.Trainer(model, optim.SGD(0.1), loss=it.losses.mse)


def test_each_unit_is_its_column_of_weights_in_rows_of_the_picture() -> None:
    state = trainer().init(seed=0)
    view = FirstLayerWeights(state, (3, 4))
    weight = state.model.layers[0].weight
    for unit, picture in enumerate(view.pictures()):
        for row in range(3):
            assert np.array_equal(picture[row], weight[4 * row : 4 * row + 4, unit])
    view.close()


def test_the_colours_are_the_weights_on_the_stated_scale() -> None:
    view = FirstLayerWeights(trainer().init(seed=0), (3, 4))
    picture = view.compute(view._sources[0].view(), 600)
    scale = picture.head["scale"]
    values = (picture.arrays["pictures"].astype(float) - 128) / 127 * scale
    shown = np.clip(view.pictures(), -scale, scale)
    assert np.abs(values - shown).max() <= scale / 254 + 1e-9
    assert (np.abs(view.pictures()) <= scale).mean() >= 0.99
    assert f"from {-scale:g} to {scale:g}" in picture.text
    assert len(picture.table.rows) == 5
    assert "data:image/png" in view._still(picture)["text/html"]
    view.close()


def test_the_change_is_since_the_view_was_made() -> None:
    x = np.random.default_rng(0).normal(size=(20, 12)).astype(np.float32)
    fit = trainer()
    run = fit.start(fit.init(seed=0), (x, x[:, :2]), batch_size=10, epochs=None, pace=100)
    run.pause().wait()
    view = FirstLayerWeights(run, (3, 4))
    before = view.pictures().copy()
    say(view, READY)
    say(view, {"kind": "choose", "id": "a", "name": "change", "value": True})
    run.advance(3).wait()
    with pytest.raises(it.RunPaused):
        run.wait()
    eventually(lambda: any(f["run"]["step"] == run.step for f in heard(view, "frame")))
    frame = heard(view, "frame")[-1]
    assert frame["data"]["change"]
    moved = np.sqrt(((view.pictures() - before) ** 2).sum((1, 2)))
    assert np.allclose(frame["data"]["moved"], moved, rtol=1e-4)
    assert frame["data"]["scale"] >= np.quantile(np.abs(view.pictures() - before), 0.995)
    view.close()
    run.close()


def test_the_step_is_that_of_the_weights_though_the_run_went_on_meanwhile() -> None:
    x = np.random.default_rng(0).normal(size=(20, 12)).astype(np.float32)
    fit = trainer()
    run = fit.start(fit.init(seed=0), (x, x[:, :2]), batch_size=10, epochs=None, pace=100)
    run.pause().wait()
    view = FirstLayerWeights(run, (3, 4))
    asked = run.view()
    run.advance(2).wait()
    with pytest.raises(it.RunPaused):
        run.wait()
    head, _ = view._painter.frame(asked, 600)
    assert head["run"]["step"] == asked.step + 2
    assert head["text"].startswith(f"Step {asked.step + 2}: ")
    assert head["data"]["since"] == asked.step
    view.close()
    run.close()


def test_at_most_so_many_units_are_sent() -> None:
    view = FirstLayerWeights(trainer().init(seed=0), (3, 4), units=2)
    picture = view.compute(view._sources[0].view(), 600)
    assert picture.arrays["pictures"].shape == (2, 3, 4)
    assert picture.head["units"] == 5
    view.close()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"shape": (8, 8)}, ValueError, r"pictures of 8 by 8.*shape \(12, 5\)"),
        ({"shape": (3, 4), "path": "layers.0.bias"}, ValueError, "the layer reads pictures"),
        ({"shape": (3, 4), "path": "layers.0.wait"}, KeyError, "weight"),
        ({"shape": (3, 4, 1)}, ValueError, "rows, columns"),
        ({"shape": (3, 4), "unit": 3}, TypeError, 'Did you mean "units"'),
    ],
)
def test_what_is_no_picture_is_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        FirstLayerWeights(trainer().init(seed=0), **arguments)
