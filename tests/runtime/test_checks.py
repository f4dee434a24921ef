"""The shared argument checks: what passes comes back plain, all else is refused with its fix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interactive_train.runtime import checks


@pytest.mark.parametrize("value", [7, np.int8(7), np.uint64(7), np.array(7)])
def test_whole_numbers_come_back_as_python_ints(value: Any) -> None:
    number = checks.whole_number(value, "n", "here")
    assert type(number) is int
    assert number == 7


@pytest.mark.parametrize("value", [7.0, True, np.True_, "7", None, np.array([7]), 7 + 0j])
def test_whole_numbers_refuse_everything_else(value: Any) -> None:
    with pytest.raises(TypeError, match=r"^here: n must be an integer of at least 1; got .*\. \w"):
        checks.whole_number(value, "n", "here")


def test_whole_numbers_have_a_lowest_value_or_none() -> None:
    assert checks.whole_number(-3, "n", "here", low=None) == -3
    with pytest.raises(ValueError, match=r"^here: n must .* at least 0; got -1\. Count up\.$"):
        checks.whole_number(-1, "n", "here", low=0, fix="Count up.")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_real_numbers_come_back_as_they_are(value: float) -> None:
    assert checks.real_number(value, "x", "here") == value
    assert checks.real_number(np.float64(value), "x", "here") == value


@given(st.floats())
def test_real_numbers_stay_inside_their_interval(value: float) -> None:
    if 0 < value <= 1:
        assert checks.real_number(value, "x", "here", low=0, high=1, open_low=True) == value
    else:
        with pytest.raises(ValueError, match=r"^here: x must be a finite number in \(0, 1\]; got"):
            checks.real_number(value, "x", "here", low=0, high=1, open_low=True)


def test_a_function_is_what_can_be_called() -> None:
    with pytest.raises(TypeError, match=r"^here: f must be a function; got 3\. Give something"):
        checks.function(3, "f", "here")


def test_long_values_are_cut_in_messages() -> None:
    text = checks.shown(list(range(1000)))
    assert len(text) < 120
    assert text.endswith("... (list)")
