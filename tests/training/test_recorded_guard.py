"""A recorded step that is not finite, or finds a bad label, leaves everything as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim
from tests.program.fits import bits, course, draw, watched
from tests.training.test_recorded_rules import ALL

BAD = 3  # the element of data that is at fault
Elements = list[tuple[Any, Any]]


def statistics() -> nn.Sequential:
    """Return a net with buffers and random numbers."""
    first = nn.Linear(4, 6, bias=False)
    return nn.Sequential(first, nn.BatchNorm(6), nn.tanh, nn.Dropout(0.2), nn.Linear(6, 2))


def matrices() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 6, bias=False), nn.tanh, nn.Linear(6, 2, bias=False))


def elements(dtype: Any, bad: float | None, number: int = 6) -> Elements:
    """Return elements of which one has a bad number in it."""
    x, y = draw(number, 8, 4, dtype=dtype), draw(number, 8, 2, seed=1, dtype=dtype)
    if bad is not None:
        x[BAD, 5, 1] = bad
    return list(zip(x, y, strict=True))


def rows(data: Elements) -> it.Data:
    """Return the same data as rows of arrays, of which recorded steps take many in one call."""
    return it.batches(*(np.concatenate(part) for part in zip(*data, strict=True)), batch_size=8)


def steps(trainer: it.Trainer, state: it.TrainState, data: Any, shards: int = 2) -> Any:
    """Return state and course behind the step that is refused."""
    error = pytest.raises(it.NonFiniteError, match=f"at step {BAD + 1}")
    with watched(shards=shards) as seen, error:
        trainer.fit(state, data, progress=False)
    assert seen.engine.recordings
    assert not seen.engine.refused
    assert seen.eager == 1  # the one that says what is wrong
    assert trainer.last_state is not None
    return trainer.last_state, bits(course(trainer, trainer.last_state))


@pytest.mark.parametrize(("as_rows", "dtype"), [(False, np.float32), (True, np.float64)])
@pytest.mark.parametrize("name", ALL)
def test_a_loss_that_is_not_finite_leaves_everything_to_the_bit(
    name: str, as_rows: bool, dtype: Any
) -> None:
    model = matrices() if "Muon" in name else statistics()
    trainer = it.Trainer(model, ALL[name], loss=losses.mse)
    start = trainer.init(seed=0, dtype=dtype)
    good, bad = elements(dtype, None)[:BAD], elements(dtype, np.nan)
    with watched(shards=2):
        state = trainer.fit(start, rows(good) if as_rows else good, progress=False)
    expected = bits(course(trainer, state))
    found, left = steps(trainer, start, rows(bad) if as_rows else bad)
    assert left == expected
    assert (found.step, found.loss) == (state.step, state.loss)
    assert found.opt_state.step == state.opt_state.step == BAD


def exploding(p: Any, y: Any) -> Any:
    """Return a finite loss whose gradient is infinite where a target is 0."""
    return np.sqrt(np.abs(p) * np.abs(y)).mean()


@pytest.mark.parametrize("shards", [1, 2])
def test_a_gradient_that_is_not_finite_leaves_everything(shards: int) -> None:
    trainer = it.Trainer(nn.Linear(4, 2, bias=False), optim.Adam(0.01), loss=exploding)
    start = trainer.init(seed=0, dtype=np.float64)
    data = [(x, np.abs(y) + 1.0) for x, y in elements(np.float64, None)]
    with watched(shards=shards):
        state = trainer.fit(start, data[:BAD], progress=False)
    expected = bits(course(trainer, state))
    data[BAD][0][2] = 0.0  # a prediction of 0: the slope of the root
    with np.errstate(all="ignore"):
        _, left = steps(trainer, start, data, shards)
    assert left == expected


@pytest.mark.parametrize("size", [1e160, 1e30])
@pytest.mark.parametrize("name", ["Adam", "RMSprop", "SGD", "Lion", "clips", "Adagrad"])
def test_a_huge_gradient_ends_as_it_does_eagerly(name: str, size: float) -> None:
    """Squares overflow before gradients do."""
    trainer = it.Trainer(matrices(), ALL[name], loss=lambda p, y: (p * y).mean())
    data = elements(np.float64, None)
    data[BAD] = (data[BAD][0], data[BAD][1] * size)
    assert_same_end(trainer, data)


def assert_same_end(trainer: it.Trainer, data: Any) -> str:
    """Insist that a fit ends alike eagerly and recorded; return what it said if it stopped."""
    start, found = trainer.init(seed=0, dtype=np.float64), []
    for recorded in (False, True):
        message = ""
        with watched(recorded=recorded) as seen, np.errstate(all="ignore"):
            try:
                trainer.fit(start, data, progress=False)
            except it.NonFiniteError as error:
                message = str(error)
        assert trainer.last_state is not None
        assert bool(seen.engine.recordings) is recorded
        found.append((message, course(trainer, trainer.last_state)))
    assert found[0][0] == found[1][0]
    for path, expected in found[0][1].items():
        np.testing.assert_allclose(found[1][1][path], expected, rtol=1e-9, atol=1e-12, err_msg=path)
    return found[0][0]


@pytest.mark.parametrize(
    ("rule", "refused"),
    [
        (optim.SGD(1e300), "update of 'layers."),
        (optim.Adam(0.1, eps=0.0), "update of 'layers."),  # 0 / 0
        (optim.Adam(0.1, eps=1e-30), ""),
        (optim.SGD(1e7), ""),
    ],
)
def test_an_update_that_overflows_is_refused(rule: optim.Rule, refused: str) -> None:
    trainer = it.Trainer(matrices(), rule, loss=losses.mse)
    data = elements(np.float64, None)
    if isinstance(rule, optim.Adam):
        data = [(x * 0.0, y) for x, y in data]
    elif refused:
        data = [(x, y * 1e20) for x, y in data]
    said = assert_same_end(trainer, data)
    assert refused in said
    assert bool(said) == bool(refused)


def test_skip_consumes_the_step_and_goes_on() -> None:
    trainer = it.Trainer(statistics(), optim.Adam(0.01), loss=losses.mse)
    start = trainer.init(seed=0, dtype=np.float64)
    found = []
    for recorded in (False, True):
        with watched(recorded=recorded) as seen:
            data = rows(elements(np.float64, np.inf))
            with np.errstate(invalid="ignore"):
                state = trainer.fit(start, data, on_nonfinite="skip", epochs=2, progress=False)
        found.append(course(trainer, state))
        assert state.step == 12
        assert seen.eager == (2 if recorded else 12)
    for path, expected in found[0].items():
        np.testing.assert_allclose(found[1][path], expected, rtol=1e-9, atol=1e-12, err_msg=path)


@pytest.mark.parametrize("as_rows", [False, True])
def test_a_label_out_of_range_is_named_and_nothing_is_lost(as_rows: bool) -> None:
    trainer = it.Trainer(statistics(), optim.Adam(0.01), loss=losses.cross_entropy_sparse)
    start = trainer.init(seed=0)
    data = [(x, (y[:, 0] > 0).astype(np.int64)) for x, y in elements(np.float32, None)]
    state = trainer.fit(start, rows(data[:BAD]) if as_rows else data[:BAD], progress=False)
    expected = bits(course(trainer, state))
    data[BAD][1][6] = 2
    messages = []
    for recorded in (False, True):
        given = rows(data) if as_rows else data
        with watched(recorded=recorded), pytest.raises(IndexError) as caught:
            trainer.fit(start, given, progress=False)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert "got 2 at position 6" in messages[1]
    assert trainer.last_state is not None
    assert bits(course(trainer, trainer.last_state)) == expected


def test_a_bad_embedding_index_is_named() -> None:
    trainer = it.Trainer(
        nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 2)), optim.SGD(0.1), loss=losses.mse
    )
    start = trainer.init(seed=0)
    x = np.random.default_rng(0).integers(0, 5, (6, 4))
    y = draw(6, 4, 2, dtype=np.float32)
    x[4, 2] = 5
    messages = []
    for recorded in (False, True):
        with watched(recorded=recorded), pytest.raises(IndexError) as caught:
            trainer.fit(start, (x, y), batch_size=2, progress=False)
        messages.append(str(caught.value))
        assert trainer.last_state is not None
        assert trainer.last_state.step == 2
    assert messages[0] == messages[1]


def test_a_schedule_that_leaves_its_interval_stops_in_front_of_the_step() -> None:
    trainer = it.Trainer(matrices(), optim.SGD(lambda step: 0.4 - 0.1 * step), loss=losses.mse)
    start = trainer.init(seed=0)
    for recorded in (False, True):
        with watched(recorded=recorded), pytest.raises(ValueError, match="lr"):
            trainer.fit(start, rows(elements(np.float32, None)), progress=False)
        assert trainer.last_state is not None
        assert trainer.last_state.step == 4
