"""``Key.at``: a key per step by counting, and what a call draws from it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from interactive_train.nn.context import Call
from interactive_train.runtime.key import Key

words = st.integers(0, 2**64 - 1)


@given(words, words, st.integers(0, 2**40), st.integers(0, 2**40))
def test_steps_count_the_lower_word_around(high: int, low: int, first: int, second: int) -> None:
    key = Key(high, low)
    assert key.at(0) == key
    assert key.at(first).at(second) == key.at(first + second)
    assert (key.at(first) == key.at(second)) == (first == second)
    added = np.array([low], np.uint64) + np.array([first], np.uint64)  # as a kernel would count
    assert key.at(first).words().tolist() == [high, int(added[0])]


def test_a_step_has_random_numbers_of_its_own() -> None:
    key = Key.from_seed(0)
    first = np.concatenate([key.at(step).uniform(1000) for step in range(5)])
    assert len(set(first.tolist())) == 5000


def test_a_call_draws_by_path_number_and_step() -> None:
    def drawn(step: int, seed: int = 0) -> list[Key]:
        call = Call(True, Key.from_seed(seed), step=step)
        return [call.draw("layers.0"), call.draw("layers.0"), call.draw("layers.1")]

    assert drawn(3) == drawn(3)
    assert len({*drawn(1), *drawn(2), *drawn(1, seed=1)}) == 9
    assert [key.at(1) for key in drawn(1)] == drawn(2)
