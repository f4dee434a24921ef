"""datasets.digits: what it holds, how it splits, and what it says where it cannot."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from interactive_train import datasets
from interactive_train.runtime.key import Key


def rows(x: Any, y: Any) -> set[bytes]:
    return {row.tobytes() + bytes([label]) for row, label in zip(x, y, strict=True)}


def test_it_is_scikit_learns_digits_between_zero_and_one() -> None:
    (x, y), (x_test, y_test) = datasets.digits()
    assert [str(a.dtype) for a in (x, y, x_test, y_test)] == ["float32", "int64"] * 2
    assert (x.shape, y.shape, x_test.shape, y_test.shape) == (
        (1438, 64),
        (1438,),
        (359, 64),
        (359,),
    )
    assert (x.min(), x.max()) == (0.0, 1.0)
    pixels, labels = load_digits(return_X_y=True)
    everything = rows((pixels / 16).astype(np.float32), labels)
    assert rows(x, y) | rows(x_test, y_test) == everything


def test_no_example_is_on_both_sides() -> None:
    (x, y), (x_test, y_test) = datasets.digits()
    assert len(x) + len(x_test) == 1797
    assert not rows(x, y) & rows(x_test, y_test)


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.5, 0.77])
def test_every_class_has_its_fraction_held_out(fraction: float) -> None:
    (_, y), (_, y_test) = datasets.digits(test_fraction=fraction, seed=3)
    held_out = np.bincount(y_test) / (np.bincount(y) + np.bincount(y_test))
    np.testing.assert_allclose(held_out, fraction, atol=0.5 / 174)


def test_the_seed_makes_the_split() -> None:
    first, again, other = datasets.digits(), datasets.digits(seed=0), datasets.digits(seed=1)
    np.testing.assert_array_equal(first[1][0], again[1][0])
    np.testing.assert_array_equal(first[0][1], again[0][1])
    assert not np.array_equal(first[1][0], other[1][0])
    fresh = [datasets.digits(seed=None)[1][0] for _ in range(2)]
    assert not np.array_equal(fresh[0], fresh[1])


def test_the_arrays_belong_to_the_caller() -> None:
    (x, _), _ = datasets.digits()
    x[:] = 7
    assert datasets.digits()[0][0].max() == 1.0


def test_rows_keep_their_order() -> None:
    labels = load_digits(return_X_y=True)[1]
    (_, y), _ = datasets.digits(test_fraction=0.01)
    positions = np.flatnonzero(datasets.stratified(labels, 0.01, Key(0, 0), "here"))
    assert len(positions) == 20
    assert len(y) == 1777


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"test_fraction": 0.0}, ValueError, r"test_fraction .* in \(0, 1\); got 0\.0"),
        ({"test_fraction": 1.5}, ValueError, r"test_fraction .* in \(0, 1\); got 1\.5"),
        ({"test_fraction": "a fifth"}, TypeError, r"test_fraction .*got 'a fifth'"),
        (
            {"test_fraction": 0.001},
            ValueError,
            r"each class needs an example .*with 178 of class 0",
        ),
        ({"test_fraction": 0.999}, ValueError, r"each class needs an example to train on"),
        ({"seed": True}, TypeError, r"a seed is an integer, or None .*got True"),
        ({"seed": 0.5}, TypeError, r"a seed is an integer, or None .*got 0\.5"),
    ],
)
def test_refuses_bad_arguments(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=rf"^datasets\.digits.*{message}"):
        datasets.digits(**arguments)


def test_without_scikit_learn_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r'pip install "interactive-train\[notebook\]"'):
        datasets.digits()


def test_importing_datasets_imports_no_scikit_learn() -> None:
    code = "import sys, interactive_train.datasets; print('sklearn' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"


def test_a_gallery_shows_itself_and_refuses_what_is_no_picture() -> None:
    (x, _), _ = datasets.digits()
    figure: Any = datasets.gallery(x[:10], [str(i) for i in range(10)], columns=4)
    assert [panel.get_title() for panel in figure.axes] == [str(i) for i in range(10)]
    assert figure._repr_png_()[0].startswith(b"\x89PNG")
    for images, titles in ((x[:0], ()), (np.zeros((2, 3)), ()), (np.zeros(64), ()), (x[:2], ["a"])):
        with pytest.raises(ValueError, match=r"datasets.gallery: .*; got"):
            datasets.gallery(images, titles)
