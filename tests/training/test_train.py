"""The Flux form: a model and its optimiser state, changed in place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim
from tests.training.common import network, parameter_bits, problem, trainer_of


def squares(model: Any, x: Any) -> Any:
    return ((model["w"] - x) ** 2).sum()


def test_it_writes_into_the_same_arrays_before_user_code_runs_again() -> None:
    w = np.zeros(2)
    model = {"w": w}
    opt_state = it.setup(optim.SGD(0.25), model)
    seen: list[list[float]] = []

    def loss(m: Any, x: Any) -> Any:
        seen.append(w.tolist())
        return squares(m, x)

    reports: list[list[float]] = []
    it.train(
        loss,
        model,
        [4.0, 4.0, 4.0],
        opt_state,
        progress=False,
        report=lambda: reports.append(w.tolist()),
    )
    assert model["w"] is w
    assert seen == [[0.0, 0.0], [2.0, 2.0], [3.0, 3.0]]
    assert reports == [[2.0, 2.0], [3.0, 3.0], [3.5, 3.5]]


def test_it_is_a_loop_of_single_steps_and_of_grad_and_update() -> None:
    ends = []
    data = list(np.random.default_rng(0).normal(size=(6, 2)))
    for form in ("train", "train_step", "update"):
        model = {"w": np.zeros(2)}
        opt_state = it.setup(optim.Adam(0.1), model)
        if form == "train":
            with it.execution("eager"):  # as single steps are
                it.train(squares, model, data, opt_state, progress=False)
        for x in data if form != "train" else ():
            if form == "train_step":
                it.train_step(squares, model, x, opt_state)
            else:
                it.update(opt_state, model, it.grad(squares)(model, x))
        ends.append((model["w"].tobytes(), opt_state.w.state["m"].tobytes(), opt_state.step))
    assert ends[0] == ends[1] == ends[2]


def test_it_trains_as_a_trainer_does() -> None:
    trainer = trainer_of(rate=0.0)
    data = it.batches(*problem(), batch_size=8, shuffle=1)
    whole = trainer.fit(trainer.init(seed=0), data, epochs=3, progress=False)
    model = it.init(network(0.0), seed=0)
    opt_state = it.setup(optim.Adam(0.01), model)
    for _ in range(3):  # as a for loop over the data: each call is the next pass
        it.train(
            lambda m, x, y: losses.cross_entropy_sparse(m(x), y),
            model,
            data,
            opt_state,
            progress=False,
        )
    leaves = {path: leaf.tobytes() for path, leaf in it.tree.flatten_with_paths(model)}
    assert leaves == parameter_bits(whole)
    assert opt_state.step == 15


def test_tuples_are_splatted_and_all_else_is_one_argument() -> None:
    model = {"w": np.zeros(1)}
    got: list[tuple[Any, ...]] = []

    def loss(m: Any, *element: Any) -> Any:
        got.append(element)
        return m["w"].sum()

    elements = [(1, 2), [1, 2], {"a": 1}, 3.0]
    it.train(loss, model, elements, it.setup(optim.SGD(0.1), model), progress=False)
    assert got == [(1, 2), ([1, 2],), ({"a": 1},), (3.0,)]


def test_changes_made_in_a_report_are_honoured_by_the_next_step() -> None:
    model = {"w": np.zeros(1)}
    opt_state = it.setup(optim.SGD(0.5), model)

    def report(step: int) -> None:
        if step == 1:
            model["w"][...] = 10.0
            it.adjust(opt_state, 0.25)
        if step == 2:
            it.freeze(opt_state.w)

    history = it.train(squares, model, [0.0, 0.0, 0.0], opt_state, progress=False, report=report)
    assert history.loss.tolist() == [0.0, 100.0, 25.0]
    assert history.lr.tolist() == [0.5, 0.25, 0.25]
    assert model["w"].tolist() == [5.0]


def test_a_layers_rate_may_be_set_in_a_report() -> None:
    model = it.init(nn.Sequential(nn.Linear(4, 64), nn.Dropout(0.0)), seed=0)
    rates: list[float] = []

    def loss(m: Any, x: Any) -> Any:
        rates.append(m.layers[1].rate)
        return (m(x) ** 2).mean()

    def report() -> None:
        model.layers[1].rate = 0.5

    x = np.ones((8, 4), np.float32)
    opt_state = it.setup(optim.SGD(0.0), model)
    history = it.train(loss, model, [x, x], opt_state, progress=False, report=report, seed=0)
    assert rates == [0.0, 0.5]
    assert history.loss[0] != history.loss[1]


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_the_mode_is_training_inside_and_restored_afterwards(mode: str) -> None:
    model = getattr(it.init(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))), mode)()
    dropped: list[bool] = []

    def loss(m: Any, x: Any) -> Any:
        y = m(x)
        dropped.append(bool((np.asarray(y) == 0).any()))
        if len(dropped) == 2:
            raise KeyError("x")
        return y.sum()

    x = np.ones((50, 2), np.float32)
    with pytest.raises(KeyError):
        it.train(loss, model, [x, x], it.setup(optim.SGD(0.1), model), progress=False)
    assert dropped == [True, True]
    assert model.mode == mode


def test_ties_stay_tied_and_move_by_the_summed_gradient() -> None:
    shared = np.array([1.0, 2.0])
    model = {"a": shared, "b": {"c": shared}}
    opt_state = it.setup(optim.SGD(0.1), model)
    it.train(
        lambda m, x: (3.0 * m["a"] + 7.0 * m["b"]["c"]).sum() * x,
        model,
        [1.0],
        opt_state,
        progress=False,
    )
    assert model["a"] is shared
    assert model["b"]["c"] is shared  # type: ignore[index]
    np.testing.assert_allclose(shared, [0.0, 1.0], atol=1e-15)


def test_an_error_keeps_the_steps_before_it_in_the_model() -> None:
    model = {"w": np.zeros(1)}
    opt_state = it.setup(optim.SGD(0.25), model)
    with pytest.raises(it.NonFiniteError, match=r"it.train: the loss must be finite; .* at step 3"):
        it.train(squares, model, [4.0, 4.0, np.nan, 4.0], opt_state, progress=False)
    assert (model["w"].tolist(), opt_state.step) == ([3.0], 2)
    it.train(squares, model, [np.nan, 4.0], opt_state, on_nonfinite="skip", progress=False)
    assert (model["w"].tolist(), opt_state.step) == ([3.5], 4)


def test_a_bare_rule_works_with_a_notice(capsys: pytest.CaptureFixture[str]) -> None:
    from interactive_train.runtime import notices

    notices._seen.discard("bare-rule")
    model = {"w": np.zeros(1)}
    it.train(squares, model, [1.0], optim.SGD(0.5), progress=False)  # type: ignore[arg-type]
    assert model["w"].tolist() == [1.0]
    assert "the state of SGD is discarded" in capsys.readouterr().err


def test_a_loss_that_reaches_no_parameter_says_so_once_a_fit(
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = {"w": np.zeros(1)}
    opt_state = it.setup(optim.SGD(0.5), model)
    for _ in range(2):
        it.train(lambda m, x: x * 2.0, model, [1.0, 2.0], opt_state, progress=False)
        assert capsys.readouterr().err.count("depends on no parameter") == 1
    assert model["w"].tolist() == [0.0]


def test_a_one_shot_iterable_is_one_pass() -> None:
    model = {"w": np.zeros(1)}
    opt_state = it.setup(optim.SGD(0.5), model)
    assert len(it.train(squares, model, iter([1.0, 2.0]), opt_state, progress=False)) == 2
    used = iter([1.0])
    next(used)
    with pytest.raises(ValueError, match="there must be an element"):
        it.train(squares, model, used, opt_state, progress=False)


def test_the_same_seed_drops_the_same() -> None:
    ends = []
    for seed in (0, 0, 1):
        model = it.init(network(0.5), seed=0)
        opt_state = it.setup(optim.SGD(0.1), model)
        for _ in range(2):
            it.train(
                lambda m, x, y: losses.cross_entropy_sparse(m(x), y),
                model,
                [problem()] * 3,
                opt_state,
                progress=False,
                seed=seed,
            )
        ends.append(model.layers[0].weight.tobytes())
    assert ends[0] == ends[1] != ends[2]
