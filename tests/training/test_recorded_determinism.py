"""The bits of a recorded fit: by shards and data, never by threads, time or other work."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim, schedules
from tests.program.fits import assert_close, bits, both, course, draw, watched

X = draw(80, 6, dtype=np.float32)
Y = (X[:, 0] > X[:, 1]).astype(np.int64) + (X[:, 2] > 0)
IMAGES = draw(40, 1, 8, 8, dtype=np.float32)


def mixed(rule: Any = None) -> it.Trainer:
    """Return a trainer whose step has sums, statistics, random numbers and norms of its own."""
    model = nn.Sequential(
        nn.Linear(6, 70, bias=False), nn.BatchNorm(70), nn.relu, nn.Dropout(0.2),
        nn.Linear(70, 130), nn.LayerNorm(130), nn.gelu, nn.Linear(130, 3),
    )  # fmt: skip
    adam = optim.AdamW(schedules.linear(0.02, 0.001, 30))
    rule = rule or optim.Chain(optim.ClipGlobalNorm(0.5), adam)
    return it.Trainer(model, rule, loss=losses.cross_entropy_sparse)


def images() -> it.Trainer:
    """Return a trainer of a small convolutional net."""
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.relu, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 3)
    )
    return it.Trainer(model, optim.SGD(0.05, momentum=0.9), loss=losses.cross_entropy_sparse)


NETS: dict[str, tuple[Any, Any]] = {"mixed": (mixed, X), "images": (images, IMAGES)}
each = pytest.mark.parametrize("net", NETS)


@contextmanager
def busy() -> Iterator[None]:
    """Let two threads work meanwhile, one of them in NumPy's matrix products."""
    over = threading.Event()
    a = np.random.default_rng(0).normal(size=(120, 120))

    def products() -> None:
        while not over.is_set():
            np.tanh(a @ a)

    def python() -> None:
        while not over.is_set():
            sum(range(1000))

    threads = [threading.Thread(target=work) for work in (products, python)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def fit(net: str, threads: int, shards: int, **options: Any) -> dict[str, bytes]:
    make, x = NETS[net]
    trainer = make()
    options = {"batch_size": 33, "epochs": 2, "shuffle": 4} | options
    with watched(threads, shards) as seen:
        state = trainer.fit(trainer.init(seed=3), (x, Y[: len(x)]), progress=False, **options)
    assert seen.natively, seen.engine.refused
    return bits(course(trainer, state))


@each
@pytest.mark.parametrize("shards", [1, 2, 3, 4])
def test_threads_and_neighbours_do_not_change_a_bit(net: str, shards: int) -> None:
    expected = fit(net, 1, shards)
    assert fit(net, 1, shards) == expected
    for threads in (2, 4):
        assert fit(net, threads, shards) == expected
    with busy():
        for threads in (1, 2, 4, 2):
            assert fit(net, threads, shards) == expected


OPTIONS: dict[str, dict[str, Any]] = {
    "batches of 33": {"batch_size": 33},
    "batches of 7": {"batch_size": 7, "epochs": 1},
    "batches of 3": {"batch_size": 3, "epochs": 1},
    "single examples": {"batch_size": 1, "epochs": 1},
    "one batch": {"batch_size": 80},
    "accumulated": {"batch_size": 9, "accumulate": 3},
    "clipped": {"batch_size": 16, "clip_norm": 0.1},
    "clipped and accumulated": {"batch_size": 11, "accumulate": 2, "clip_norm": 0.3},
}


@pytest.mark.parametrize("shards", [1, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", OPTIONS)
def test_odd_batches_train_alike_eagerly_and_recorded(name: str, dtype: Any, shards: int) -> None:
    trainer = mixed(optim.SGD(schedules.linear(0.05, 0.01, 20), momentum=0.9))
    options = OPTIONS[name]
    rows = 80 if options["batch_size"] > 1 else 12
    data = X[:rows].astype(dtype), Y[:rows]
    if options["batch_size"] == 1:  # statistics of one example are no use
        trainer = it.Trainer(nn.Linear(6, 3), optim.Adam(0.01), loss=losses.cross_entropy_sparse)
    state = trainer.init(seed=0, dtype=dtype)
    options = {"epochs": 2, "shuffle": 1} | options
    eager, native, seen = both(trainer, state, data, threads=2, shards=shards, **options)
    assert seen.natively, seen.engine.refused
    assert_close(native, eager, 1e-9 if dtype == np.float64 else 1e-3)


def test_a_short_last_batch_is_another_table_and_may_be_dropped() -> None:
    for drop, tables in ((False, 2), (True, 1)):
        data = it.batches(X, Y, batch_size=33, shuffle=2, drop_last=drop)
        trainer = mixed()
        eager, native, seen = both(trainer, trainer.init(seed=0, dtype=np.float64), data, epochs=3)
        assert seen.natively, seen.engine.refused
        assert seen.engine.tables == tables
        assert len(native["loss"]) == 3 * (2 if drop else 3)
        assert_close(native, eager, 1e-9)


def test_eager_steps_in_between_change_nothing() -> None:
    trainer = mixed()
    state = trainer.init(seed=0, dtype=np.float64)
    course_of = {}
    orders = ("nnnn", "nene", "eenn", "eeee")
    for order in orders:
        found = state
        for letter in order:
            with it.execution("native" if letter == "n" else "eager"):
                found = trainer.fit(found, (X, Y), batch_size=20, progress=False)
        course_of[order] = course(trainer, found)
    for order in orders[:-1]:
        assert_close(course_of[order], course_of["eeee"], 1e-9)


# The Flux form ------------------------------------------------------------------------------


def of_dict(model: Any, x: Any, y: Any) -> Any:
    hidden = np.tanh(x @ model["first"]["w"] + model["first"]["b"])
    return losses.mse(hidden @ model["second"][0], y)


@pytest.mark.parametrize("duplicated", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_models_of_dicts_and_lists_train_in_place(dtype: Any, duplicated: bool) -> None:
    found = {}
    for recorded in (False, True):
        model: Any = {
            "first": {"w": draw(6, 5, dtype=dtype), "b": np.zeros(5, dtype)},
            "second": [draw(5, 2, seed=1, dtype=dtype)],
        }
        w = model["first"]["w"]
        opt_state = it.setup(optim.Adam(0.02), model)
        pair: Any = it.Duplicated(model) if duplicated else model
        elements = [(X[i : i + 7].astype(dtype), X[i : i + 7, :2].astype(dtype)) for i in range(40)]
        with watched(shards=2, recorded=recorded) as seen:
            history = it.train(of_dict, pair, elements, opt_state, progress=False)
        assert seen.natively is recorded, seen.engine.refused
        numbers = dict(it.tree.flatten_with_paths(model))
        assert numbers["first.w"] is w
        found[recorded] = {path: np.array(array) for path, array in numbers.items()}
        found[recorded] |= {"loss": history.loss, "norm": history.gradient_norm}
        if duplicated:
            for path, array in it.tree.flatten_with_paths(pair.grads):
                found[recorded][f"gradient {path}"] = np.array(array)
        for path, leaf in opt_state.leaves():
            for name, value in leaf.state.items():
                found[recorded][f"{path}/{name}"] = np.asarray(value)
    assert_close(found[True], found[False], 1e-9 if dtype == np.float64 else 1e-4)


def test_a_model_that_user_code_changes_between_steps_is_read_anew() -> None:
    courses = []
    for recorded in (False, True):
        model = {"w": np.ones((6, 1))}
        opt_state = it.setup(optim.SGD(0.1, momentum=0.5), model)

        def report(step: int, model: Any = model) -> None:
            if step == 3:
                model["w"][...] *= -1.0

        with watched(recorded=recorded) as seen:
            history = it.train(
                lambda m, x: ((x @ m["w"]) ** 2).mean(), model, [X[:8]] * 6, opt_state,
                report=report, progress=False,
            )  # fmt: skip
        assert seen.natively is recorded
        courses.append({"w": model["w"], "loss": history.loss})
    assert_close(courses[1], courses[0], 1e-9)
