"""A knob that one layer has for itself: what stands for all, what is listed for the part."""

from __future__ import annotations

import pytest

import interactive_train as it
from interactive_train import losses, nn, optim
from interactive_train.training.records.view import KnobView
from tests.training.common import problem


def resting() -> it.Run:
    """Return a run that has ended, with three layers."""
    model = nn.Sequential(nn.Linear(4, 6), nn.relu, nn.Linear(6, 6), nn.relu, nn.Linear(6, 3))
    trainer = it.Trainer(model, optim.Adam(0.01), loss=losses.cross_entropy_sparse)
    return trainer.start(trainer.init(seed=0), problem(), epochs=1, batch_size=20).wait()


def rates(run: it.Run) -> dict[str, float]:
    found: tuple[KnobView, ...] = run.view().knobs
    return {knob.path: knob.effective for knob in found if knob.description.name == "lr"}


@pytest.mark.parametrize("layer", ["layers.0", "layers.2", "layers.4"])
def test_what_most_layers_have_stands_for_all_whichever_differs(layer: str) -> None:
    run = resting()
    run.adjust(layer, lr=0.001)
    assert rates(run) == {"": 0.01, layer: 0.001}
    run.extend(steps=1)
    assert run.wait().history.column("lr", 0)[-1] == 0.01


def test_a_part_that_is_like_the_rest_again_is_not_listed() -> None:
    run = resting()
    run.adjust("layers.0", lr=0.001)
    run.adjust("layers.0", lr=0.01)
    assert rates(run) == {"": 0.01}


def test_an_array_that_differs_from_its_layer_is_listed_alone() -> None:
    run = resting()
    run.adjust("layers.0.bias", lr=0.002)
    assert rates(run) == {"": 0.01, "layers.0.bias": 0.002}


def test_layers_say_which_knobs_they_have_and_which_of_their_arrays_rest() -> None:
    run = resting()
    run.freeze("layers.2")
    run.freeze("layers.4.bias")
    groups = {group.path: group for group in run.view().groups}
    assert groups["layers.0"].knobs == ("lr", "beta1", "beta2", "eps")
    assert (groups["layers.2"].frozen, groups["layers.2"].resting) == (True, ())
    assert (groups["layers.4"].frozen, groups["layers.4"].resting) == (False, ("layers.4.bias",))


def test_what_was_adjusted_for_all_is_told_as_most_layers_had_it() -> None:
    run = resting()
    run.adjust("layers.0", lr=0.001)
    ticket = run.adjust(lr=0.02)
    assert (ticket.old, ticket.new) == ("0.01", "0.02")
    assert rates(run) == {"": 0.02}
