"""schedules.plot: what is drawn, how it is called, and that pyplot stays away."""

from __future__ import annotations

import struct
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from interactive_train import schedules

DECAY = schedules.cosine_decay(0.1, 900)


def lines(figure: Any) -> list[Any]:
    return list(figure.axes[0].get_lines())


def test_values_are_drawn_over_steps_that_count_from_one() -> None:
    (line,) = lines(schedules.plot(DECAY, steps=1000))
    steps, values = line.get_data()
    assert steps.tolist() == list(range(1, 1001))
    np.testing.assert_array_equal(values, DECAY(steps))


def test_steps_may_be_given_and_many_are_thinned_evenly() -> None:
    (line,) = lines(schedules.plot(DECAY, steps=range(5, 50, 5)))
    assert line.get_xdata().tolist() == list(range(5, 50, 5))
    (line,) = lines(schedules.plot(DECAY, steps=10**6))
    steps = line.get_xdata()
    assert (steps[0], steps[-1]) == (1, 10**6)
    assert len(steps) <= 4000
    np.testing.assert_array_equal(line.get_ydata(), DECAY(steps))


def test_numbers_and_functions_are_schedules_and_axes_have_titles() -> None:
    def own(step: int) -> float:
        return 1 / step

    figure = schedules.plot(DECAY, 0.05, own, steps=10, ylabel="momentum")
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "momentum")
    assert [line.get_label() for line in lines(figure)] == [
        "schedules.cosine_decay(0.1, 900)",
        "schedules.constant(0.05)",
        "own",
    ]
    (legend,) = figure.legends
    assert len(legend.get_texts()) == 3
    styles = {(line.get_color(), line.get_linestyle()) for line in lines(figure)}
    assert len(styles) == 3
    assert axes.get_ylim()[0] == 0
    assert schedules.plot(DECAY, steps=5).axes[0].get_title(loc="left") == repr(DECAY)


def test_labels_stand_in_the_legend() -> None:
    figure = schedules.plot(DECAY, steps=5, labels=["rate"])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["rate"]


def test_a_logarithmic_axis_is_one() -> None:
    decay = schedules.exponential_decay(0.1, 0.1, 10)
    assert schedules.plot(decay, steps=20, log=True).axes[0].get_yscale() == "log"


def test_it_shows_itself_in_a_notebook_in_twice_the_resolution() -> None:
    figure: Any = schedules.plot(DECAY, 0.1, steps=100)
    png, size = figure._repr_png_()
    width, height = struct.unpack(">II", png[16:24])
    assert png.startswith(b"\x89PNG")
    assert (width, height) == (2 * size["width"], 2 * size["height"])
    assert size["width"] == 720


def test_pyplot_is_never_imported_and_matplotlib_not_before_it_is_used() -> None:
    code = (
        "import sys, interactive_train as it\n"
        "assert 'matplotlib' not in sys.modules\n"
        "it.schedules.plot(0.1, steps=5)._repr_png_()\n"
        "assert 'matplotlib' in sys.modules and 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_missing_matplotlib_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from interactive_train.runtime.figure import figure_class

    figure_class.cache_clear()
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"drawn with matplotlib; got .*pip install"):
        schedules.plot(0.1, steps=5)


BAD: list[tuple[str, type[Exception], str]] = [
    ("plot(steps=5)", ValueError, r"there must be a schedule; got none"),
    (
        "plot('fast', steps=5)",
        TypeError,
        r", schedule 1: a number or a schedule is due; got 'f",
    ),
    ("plot(0.1, True, steps=5)", TypeError, r"schedule 2: a number or a schedule is due; got True"),
    ("plot(0.1, steps=0)", ValueError, r"steps must be an integer of at least 1; got 0"),
    ("plot(0.1, steps=10.0)", TypeError, r"steps must be an integer"),
    ("plot(0.1, steps=[3, 2])", ValueError, r"steps that increase; got \[3, 2\]\. Give steps=1000"),
    ("plot(0.1, steps=[])", TypeError, r"a step is an integer"),
    ("plot(0.1, steps=[[1, 2]])", ValueError, r"steps that increase; got \[\[1, 2\]\]"),
    ("plot(0.1, steps=[-1, 2])", ValueError, r"steps count from 1; got -1"),
    (
        "plot(0.1, steps=5, labels=['a', 'b'])",
        ValueError,
        r"one text for each schedule; got .* for 1",
    ),
    ("plot(0.1, steps=5, labels=[3])", ValueError, r"labels are one text for each schedule"),
    ("plot(0.1, steps=5, ylabel=3)", TypeError, r"ylabel is a text; got 3"),
    ("plot(0.1, steps=5, log='yes')", TypeError, r"log must be True or False; got 'yes'"),
    (
        "plot(DECAY, steps=950, log=True)",
        ValueError,
        r"values above 0; got 0 at step 900 of schedul",
    ),
    ("plot(lambda s: None, steps=5)", TypeError, r"what the schedule <lambda> returns at step 1"),
    (
        "plot(lambda s: np.inf, steps=5)",
        ValueError,
        r"what the schedule <lambda> returns at step 1",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD, ids=[case[0] for case in BAD])
def test_refuses_bad_input(call: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=rf"^schedules\.plot.*{message}"):
        eval(f"schedules.{call}", {"schedules": schedules, "DECAY": DECAY, "np": np})
