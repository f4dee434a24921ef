"""The race: the library's own rules, walked the same way every time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from interactive_train import optim, schedules
from interactive_train.autodiff import grad
from interactive_train_widgets import OptimizerRace
from interactive_train_widgets.teaching.race import track
from interactive_train_widgets.teaching.surfaces import SURFACES, heights, surface
from tests.widgets.teaching.page import READY, eventually, heard, say

RULES = {"SGD": optim.SGD(1e-3), "Adam": optim.Adam(0.1)}


@pytest.mark.parametrize("name", sorted(SURFACES))
def test_the_marked_minima_are_places_without_slope_and_in_the_picture(name: str) -> None:
    of = SURFACES[name]
    for point in of.minima:
        slope = approx_fprime(np.array(point), lambda p: of.f(p[0], p[1]), 1e-7)
        assert np.abs(slope).max() < 2e-2
        assert of.x[0] < point[0] < of.x[1]
        assert of.y[0] < point[1] < of.y[1]


def test_a_track_of_sgd_is_x_minus_lr_times_the_slope() -> None:
    f = SURFACES["himmelblau"].f
    found = track(f, optim.SGD(1e-3, momentum=0.5), (-0.3, -0.8), 20)
    x, v = np.array([-0.3, -0.8]), np.zeros(2)
    for step in range(21):
        assert np.allclose(found.points[step], x, rtol=1e-12)
        assert found.values[step] == pytest.approx(f(*x), rel=1e-12)
        slope = np.asarray(grad(lambda p: f(p[0], p[1]))(x))
        v = 0.5 * v + slope
        x = x - 1e-3 * v


def test_a_race_is_the_same_every_time() -> None:
    first, second = (OptimizerRace("beale", RULES, steps=60).tracks() for _ in range(2))
    for name in RULES:
        assert np.array_equal(first[name].points, second[name].points)


def test_a_rate_too_high_leaves_the_picture_and_says_so() -> None:
    race = OptimizerRace("rosenbrock", {"SGD": optim.SGD(1.0)}, steps=50)
    assert race.tracks()["SGD"].length < 10
    picture = race.compute(race._sources[0].view(), 600)
    assert "SGD has left the picture at step" in picture.text
    assert "left at step" in picture.table.rows[0][2]
    assert "data:image/png" in race._still(picture)["text/html"]
    race.close()


def test_a_moved_rate_walks_only_its_own_rule_anew() -> None:
    race = OptimizerRace("himmelblau", RULES, steps=30)
    before = race.tracks()
    say(race, READY)
    say(race, {"kind": "choose", "id": "a", "name": "lr", "value": [1, 0.5]})
    eventually(lambda: any(f["data"]["rules"][1]["lr"] == 0.5 for f in heard(race, "frame")))
    after = race.tracks()
    assert after["SGD"] is before["SGD"]
    fresh = track(SURFACES["himmelblau"].f, optim.Adam(0.5), race._start, 30)
    assert np.allclose(after["Adam"].points, fresh.points, rtol=1e-14)
    race.close()


def test_a_dragged_start_moves_all_and_bad_choices_move_none() -> None:
    race = OptimizerRace("saddle", RULES, steps=10)
    say(race, READY)
    say(race, {"kind": "choose", "id": "a", "name": "start", "value": [1.0, -0.5]})
    eventually(lambda: any(f["data"]["start"] == [1, -0.5] for f in heard(race, "frame")))
    bad: list[tuple[str, Any]] = [("start", [1.0]), ("lr", [9, 0.1]), ("lr", [0, -1]), ("lr", 3)]
    for name, value in bad:
        say(race, {"kind": "choose", "id": "b", "name": name, "value": value})
    eventually(lambda: sum(len(m["tickets"]) for m in heard(race, "tickets")) == len(bad))
    assert race._start == (1.0, -0.5)
    assert race._rates == {"SGD": 1e-3, "Adam": 0.1}
    race.close()


def test_a_person_who_drags_is_not_kept_waiting_by_the_cost_of_the_last_picture() -> None:
    race = OptimizerRace("saddle", RULES, steps=10)
    flow = race._publisher.flow
    flow.ready("v", 10, 600)
    flow.sent(0.0)
    flow.spent(10.0)
    assert flow.wait(0.1) > 1
    flow.asked = True
    assert flow.wait(0.1) == 0
    race.close()


def test_a_surface_of_ones_own_and_a_rule_without_a_rate() -> None:
    race = OptimizerRace(
        lambda x, y: np.exp(x) + y**2, {"Adadelta": optim.Adadelta()}, start=(1.0, 1.0), steps=5
    )
    picture = race.compute(race._sources[0].view(), 600)
    assert picture.head["rules"][0]["lr"] is None
    assert picture.table.rows[0][1] == "its own"
    race.close()


def test_a_scheduled_rate_is_the_rules_own() -> None:
    rule = optim.SGD(schedules.cosine_decay(0.01, 20))
    race = OptimizerRace("himmelblau", {"SGD": rule}, steps=20)
    assert race.compute(race._sources[0].view(), 600).head["rules"][0]["lr"] is None
    race.close()


def test_a_function_of_single_numbers_is_drawn_as_well() -> None:
    def f(x: Any, y: Any) -> Any:
        return x * x if float(x) > 0 else y * y

    x, y = np.linspace(-1, 1, 5), np.linspace(-1, 1, 4)
    assert heights(f, x, y)[0].tolist() == [1, 1, 1, 0.25, 1]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"surface": "rosenbrok"}, ValueError, 'Did you mean "rosenbrock"'),
        ({"surface": 3}, TypeError, "a name or a function"),
        ({"rules": {}}, ValueError, "1 to 6 rules"),
        ({"rules": {"SGD": 0.1}}, TypeError, "is an update rule"),
        ({"steps": 0}, ValueError, "steps"),
        ({"start": (1, 2, 3)}, ValueError, "two numbers"),
        ({"rule": RULES}, TypeError, 'Did you mean "rules"'),
    ],
)
def test_wrong_arguments_are_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        OptimizerRace(**arguments)


def test_a_surface_may_be_drawn_elsewhere() -> None:
    assert surface("beale", "test", x=(0.0, 1.0)).x == (0.0, 1.0)
