"""The step explained: the numbers filled in give the weight that the rules themselves make."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from interactive_train import optim, schedules
from interactive_train.optim import Leaf, Rule
from interactive_train.optim.apply import Update, apply_updates
from interactive_train_widgets.teaching.explanation import explain_weight
from interactive_train_widgets.teaching.expressions import Drawer, evaluate, number, plain
from interactive_train_widgets.teaching.formulas import FORMULAS

RULES: list[Rule] = [
    optim.SGD(0.1),
    optim.SGD(0.1, momentum=0.9),
    optim.SGD(0.1, momentum=0.9, nesterov=True),
    optim.SGD(0.1, momentum=0.9, lr_in_velocity=True),
    optim.SGD(0.1, momentum=0.9, nesterov=True, lr_in_velocity=True),
    optim.SGD(0.1, lr_in_velocity=True),
    optim.Adam(0.01),
    optim.AdamW(0.01, weight_decay=0.1),
    optim.AdamW(0.01, weight_decay=0.01, decay_scaled_by_lr=False),
    optim.RAdam(0.01),
    optim.RAdam(0.01, beta2=0.9),
    optim.Adamax(0.01),
    optim.OAdam(0.01),
    optim.AMSGrad(0.01),
    optim.NAdam(0.01),
    optim.AdaBelief(0.01),
    optim.Rprop(0.01),
    optim.Rprop(0.01, max_step=0.011),
    optim.Lion(0.01, weight_decay=0.1),
    optim.RMSprop(0.01),
    optim.RMSprop(0.01, centered=True, momentum=0.9),
    optim.Adagrad(0.1),
    optim.Adadelta(0.9, eps=1e-3),
    optim.Lamb(0.01),
    optim.Adafactor(0.01, weight_decay=0.1),
    optim.Muon(0.01),
    optim.Muon(0.01, nesterov=False),
    optim.WeightDecay(0.01),
    optim.SignDecay(0.01),
    optim.ClipGrad(0.3),
    optim.ClipNorm(0.5),
    optim.ClipNorm(0.5, p=1.0),
    optim.ClipGlobalNorm(0.5),
    optim.AccumGrad(2),
    optim.Chain(optim.ClipGrad(0.3), optim.WeightDecay(0.01), optim.AdamW(0.01)),
    optim.Chain(optim.ClipGlobalNorm(0.5), optim.SGD(0.1, momentum=0.9)),
    optim.Chain(optim.AccumGrad(3), optim.Adam(0.1)),
    optim.Chain(optim.WeightDecay(0.1), optim.WeightDecay(0.2), optim.SGD(0.1)),
]
SHAPES = [(3, 4), (5,)]
CASES = [
    pytest.param(rule, shape, id=f"{number_}-{type(rule).__name__}-{len(shape)}d")
    for number_, rule in enumerate(RULES)
    for shape in SHAPES
    if not (isinstance(rule, optim.Muon) and len(shape) != 2)
]


@pytest.mark.parametrize(("rule", "shape"), CASES)
def test_the_numbers_of_every_line_lead_to_the_weight_that_the_rule_makes(
    rule: Rule, shape: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape).astype(np.float32)
    leaf = Leaf.fresh(rule, x)
    index = tuple(size - 1 for size in shape)
    for step in range(1, 8):
        g = rng.normal(size=shape).astype(np.float32)
        (result,) = apply_updates([Update(leaf, x, g)], step)
        found = explain_weight(leaf, x, g, step, index, result.state)
        assert found.before == x[index]
        assert found.after == pytest.approx(float(result.x[index]), rel=2e-5, abs=2e-6)
        _kept_lines_are_the_new_state(rule, found, result.state, index, shape)
        x, leaf.state = result.x, result.state


def _kept_lines_are_the_new_state(
    rule: Rule, found: Any, state: Any, index: tuple[int, ...], shape: tuple[int, ...]
) -> None:
    chain = isinstance(rule, optim.Chain)
    for row in found.rows:
        name = f"{row.rule}.{row.name}" if chain else row.name
        if np.isnan(row.was) or (name.endswith(("sum", "count")) and "Accum" in row.rule):
            continue  # an accumulator is emptied behind its step
        value = np.asarray(state[name])
        expected = np.broadcast_to(value, shape)[index] if value.ndim else value
        assert row.value == pytest.approx(float(expected), rel=2e-5, abs=1e-7)


def test_every_rule_of_the_library_has_a_formula() -> None:
    wrappers = {optim.Rule, optim.Chain, optim.MixedPrecision}
    rules = {
        kind
        for kind in vars(optim).values()
        if inspect.isclass(kind) and issubclass(kind, Rule) and kind not in wrappers
    }
    assert rules == set(FORMULAS)
    assert {type(rule) for rule in RULES} >= rules


def test_mixed_precision_is_explained_on_the_master_weight() -> None:
    rule = optim.MixedPrecision(optim.Adam(0.01))
    x = np.array([0.5, -1.5], np.float16)
    leaf = Leaf.fresh(rule, x)
    g = np.array([0.1, -0.2], np.float32)
    (result,) = apply_updates([Update(leaf, x, g)], 1)
    found = explain_weight(leaf, x, g, 1, (1,), result.state)
    assert found.after == pytest.approx(float(result.state["master"][1]), rel=1e-6)


def test_ones_own_rule_has_no_lines() -> None:
    class Sign(Rule):
        hyperparameters = (optim.learning_rate(0.1),)

        def init(self, x: Any) -> dict[str, Any]:
            return {}

        def apply(self, state: Any, x: Any, g: Any) -> Any:
            return state, self.lr * np.sign(g)  # type: ignore[attr-defined]

    x = np.ones(2)
    found = explain_weight(Leaf.fresh(Sign(), x), x, x, 1, (0,))
    assert found.rows == ()
    assert found.before == 1.0
    assert np.isnan(found.after)


def test_a_schedule_is_filled_in_with_its_value_at_the_step() -> None:
    leaf = Leaf.fresh(optim.SGD(schedules.linear(1.0, 0.0, 10)), np.ones(1))
    found = explain_weight(leaf, np.ones(1), np.ones(1), 5, (0,))
    assert found.step == pytest.approx(leaf.effective(5)["lr"])


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("a - (b - c)", "1 − (2 − (−3))"),
        ("a - (b + c)", "1 − (2 + (−3))"),
        ("a * (b + c)", "1·(2 + (−3))"),
        ("-c", "−(−3)"),
        ("c ** 2", "(−3)^2"),
        ("a / b / a", "(1 / 2) / 1"),
        ("abs(c)", "|−3|"),
        ("max(a, c)", "max(1, −3)"),
        ("a if c > 0 else b", "2"),
    ],
)
def test_a_filled_in_expression_can_be_typed_into_a_calculator(expression: str, text: str) -> None:
    values = {"a": 1.0, "b": 2.0, "c": -3.0}
    drawn = plain(Drawer(values, (), (), True).draw(expression))
    assert drawn == text
    if "|" not in drawn:
        typed = drawn.replace("−", "-").replace("·", "*").replace("^", "**")
        assert eval(typed, {"max": max}) == evaluate(expression, values)


def test_an_expression_that_is_no_arithmetic_is_refused() -> None:
    with pytest.raises(ValueError, match="is no arithmetic"):
        evaluate("[1]", {})
    with pytest.raises(KeyError):
        evaluate("__import__('os')", {})


def test_numbers_have_four_digits_and_a_true_minus() -> None:
    assert [number(v) for v in (0.0, 1e-9, -2.5, float("nan"), float("inf"))] == [
        "0", "1e−9", "−2.5", "–", "∞",
    ]  # fmt: skip
