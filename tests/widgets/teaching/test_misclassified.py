"""The wall of misread examples: who hangs there, where, and that nothing moves without need."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

import interactive_train as it
from interactive_train import datasets, losses, nn, optim
from interactive_train_widgets import Misclassified
from interactive_train_widgets.teaching.misclassified import arranged, wrong
from interactive_train_widgets.teaching.subject import Subject
from tests.widgets.fake_run import FakeRun
from tests.widgets.teaching.page import READY, eventually, heard, say

(X, Y), (X_TEST, Y_TEST) = datasets.digits()


@pytest.fixture(scope="module")
def state() -> Any:
    trainer = it.Trainer(nn.Linear(64, 10), optim.Adam(1e-2), loss=losses.cross_entropy_sparse)
    return trainer.fit(trainer.init(0), (X, Y), epochs=2, batch_size=64, progress=False)


def test_errors_are_ranked_by_how_sure_they_are() -> None:
    chances = np.array([[0.9, 0.1], [0.3, 0.7], [0.45, 0.55], [1.0, 0.0]])
    reading = wrong(chances, np.array([1, 0, 0, 0]))
    assert reading.ranked.tolist() == [0, 1, 2]
    assert reading.read.tolist() == [0, 1, 1, 0]


@given(
    st.lists(st.integers(0, 30), unique=True),
    st.lists(st.integers(0, 30), unique=True),
    st.integers(1, 12),
)
def test_who_stays_keeps_the_place_and_the_surest_errors_hang(
    before: list[int], ranked: list[int], count: int
) -> None:
    old = arranged([], before, count)
    new = arranged(old, ranked, count)
    assert len(new) == count
    assert {example for example in new if example >= 0} == set(ranked[:count])
    for place, example in enumerate(old):
        if example in ranked[:count]:
            assert new[place] == example
    assert arranged(new, ranked, count) == new


def test_the_wall_shows_what_scikit_learn_counts(state: Any) -> None:
    view = Misclassified(state, X_TEST, Y_TEST, count=50)
    say(view, READY)
    eventually(lambda: heard(view, "frame"))
    data = heard(view, "frame")[0]["data"]
    read = np.asarray(state.model(X_TEST)).argmax(axis=1)
    matrix = confusion_matrix(Y_TEST, read)
    assert data["counts"] == (matrix.sum(axis=1) - np.diag(matrix)).tolist()
    assert data["errors"] == view.errors == (read != Y_TEST).sum()
    shares = [row[3] for row in heard(view, "frame")[0]["table"]["rows"]]
    assert shares == sorted(shares, key=lambda text: -float(text.strip("<> %")))
    view.close()


def test_a_class_is_picked(state: Any) -> None:
    view = Misclassified(state, X_TEST, Y_TEST)
    say(view, READY)
    say(view, {"kind": "choose", "id": "a", "name": "label", "value": 8})
    eventually(lambda: heard(view, "frame") and heard(view, "frame")[-1]["data"]["label"] == 8)
    frame = heard(view, "frame")[-1]
    assert {row[1] for row in frame["table"]["rows"]} == {"8"}
    assert f"of class 8: {len(frame['table']['rows'])}" in frame["text"]
    for value in (10, -2, 0.5, "8", True, [8]):
        say(view, {"kind": "choose", "id": "b", "name": "label", "value": value})
    eventually(lambda: sum(len(t["tickets"]) for t in heard(view, "tickets")) == 6)
    assert heard(view, "frame")[-1]["data"]["label"] == 8
    view.close()


def test_while_a_run_moves_the_wall_changes_once_a_second_and_keeps_places(state: Any) -> None:
    view = Misclassified(state, X_TEST, Y_TEST)
    now = [0.0]
    view._clock = lambda: now[0]
    moving, resting = FakeRun().run_to(3).view(), Misclassified(state, X, Y)
    first = view.compute(moving, 600)
    view._places.reverse()  # as a wall that grew over time hangs in no order
    reversed_places = list(view._places)
    now[0] = 0.9
    assert view.compute(moving, 600) is first
    now[0] = 1.1
    second = view.compute(moving, 600)
    assert second.arrays["places"].tolist() == reversed_places
    rests = view.compute(resting._sources[0].view(), 600)
    assert rests.arrays["places"].tolist() == first.arrays["places"].tolist()
    view.close()
    resting.close()


def test_a_wall_that_still_hangs_is_of_the_step_at_which_it_was_hung(state: Any) -> None:
    view = Misclassified(state, X_TEST, Y_TEST)
    moving = FakeRun().run_to(3).view()
    for now, step, hung in ((0.0, 3, 3), (0.9, 39, 3), (1.1, 40, 40)):
        view._clock = lambda now=now: now  # type: ignore[misc]
        view._subject = Subject(replace(state, step=step), "Misclassified")
        assert view._painter.frame(moving, 600)[0]["run"]["step"] == hung
    view.close()


def test_a_perfect_model_leaves_the_wall_empty() -> None:
    model = nn.init(nn.Linear(4, 2), seed=0)
    view = Misclassified(model, np.zeros((3, 4), np.float32), np.zeros(3, int), shape=(2, 2))
    picture = view.compute(view._sources[0].view(), 600)
    assert picture.text == "0 of 3 examples are misread (0 %)."
    assert set(picture.arrays["places"].tolist()) == {-1}
    view.close()


def test_what_the_caller_does_with_the_data_later_does_not_matter(state: Any) -> None:
    x, y = X_TEST.copy(), Y_TEST.copy()
    view = Misclassified(state, x, y)
    errors = view.errors
    x[:], y[:] = 0, 0
    assert view.errors == errors
    view.close()


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"x": X_TEST[:5]}, "one row for each example"),
        ({"y": Y_TEST.astype(float)}, "the number of each example's class"),
        ({"y": -Y_TEST}, "the number of each example's class"),
        ({"shape": (9, 9)}, "a picture of 9 by 9 numbers"),
        ({"count": 1000}, "count is at most 200"),
        ({"outputs": "logit"}, 'Did you mean "logits"'),
    ],
    ids=lambda value: str(next(iter(value))) if isinstance(value, dict) else "",
)
def test_what_does_not_belong_together_is_refused(state: Any, changed: Any, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        Misclassified(state, **({"x": X_TEST, "y": Y_TEST} | changed))


def test_labels_beyond_the_models_classes_are_said_on_the_page(state: Any) -> None:
    view = Misclassified(state, X_TEST, Y_TEST + 5)
    say(view, READY)
    eventually(lambda: heard(view, "frame"))
    assert "numbers of the model's 10 classes" in heard(view, "frame")[0]["trouble"]
    view.close()
