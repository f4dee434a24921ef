"""The formula of every update rule, line by line, in the order in which it is worked out.

In: a rule bound to its numbers, and its state for one array. Out: `Line`s over the names x, g, the
rule's hyperparameters and its state; a line gives its name a new value for the lines behind it.
The last line of a rule is dx, the step; where it has none there is no step this time. That the
lines give what the rules themselves compute is tested for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from interactive_train import optim
from interactive_train.optim import Rule

State = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One line: a name, what it means, and the expression of its new value."""

    name: str
    meaning: str
    expression: str
    keeps: bool = False  # a value of the state, which had another one before


STEP = "step"
MEAN = Line("m", "running mean of gradients", "beta1 * m + (1 - beta1) * g", True)
SQUARE = Line("v", "running mean of squared gradients", "beta2 * v + (1 - beta2) * g**2", True)
POWER1 = Line("p1", "weight that the first mean still lacks", "beta1_power * beta1")
POWER2 = Line("p2", "weight that the second mean still lacks", "beta2_power * beta2")
M_HAT = Line("m_hat", "mean, corrected for its start at 0", "m / (1 - p1)")
V_HAT = Line("v_hat", "mean square, corrected", "v / (1 - p2)")
ADAM = (MEAN, SQUARE, POWER1, POWER2, M_HAT, V_HAT)
DIRECTION = "m_hat / (sqrt(v_hat) + eps)"


def _step(expression: str) -> Line:
    return Line("dx", STEP, expression)


def _sgd(rule: Any, state: State) -> list[Line]:
    if rule.momentum == 0.0:
        return [_step("lr * g")]
    push = "lr * g" if rule.lr_in_velocity else "g"
    rate = "" if rule.lr_in_velocity else "lr * "
    velocity = Line("velocity", "velocity", f"momentum * velocity + {push}", True)
    if not rule.nesterov:
        return [velocity, _step(f"{rate}velocity")]
    return [velocity, _step(f"{rate}({push} + momentum * velocity)")]


def _adamw(rule: Any, state: State) -> list[Line]:
    if rule.decay_scaled_by_lr:
        return [*ADAM, _step(f"lr * ({DIRECTION} + weight_decay * x)")]
    return [*ADAM, _step(f"lr * {DIRECTION} + weight_decay * x")]


def _radam(rule: Any, state: State) -> list[Line]:
    count = state["count"] + 1.0
    power = state["beta2_power"] * rule.beta2
    most = 2.0 / (1.0 - rule.beta2) - 1.0
    lines = [
        Line("count", "updates so far", "count + 1", True),
        *ADAM[:5],
        Line("rho_inf", "longest memory", "2 / (1 - beta2) - 1"),
        Line("rho", "memory so far", "rho_inf - 2 * count * p2 / (1 - p2)"),
    ]
    if most - 2.0 * count * power / (1.0 - power) <= 4.0:  # too little is known of v
        return [*lines, _step("lr * m_hat")]
    share = "(rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)"
    return [
        *lines,
        V_HAT,
        Line("ratio", "how far v is trusted", f"sqrt({share})"),
        _step(f"lr * ratio * {DIRECTION}"),
    ]


def _rprop(rule: Any, state: State) -> list[Line]:
    bounded = rule.lr > 0.0
    grown = "min(eta_plus * size, max_step / lr)" if bounded else "eta_plus * size"
    shrunk = "max(eta_minus * size, min_step / lr)" if bounded else "max(eta_minus * size, 0)"
    size = f"{grown} if agreement > 0 else ({shrunk} if agreement < 0 else size)"
    return [
        Line("agreement", "does the gradient keep its sign?", "sign(before) * sign(g)"),
        Line("size", "length of this weight's step, in η", size, True),
        Line("used", "gradient, 0 after a turn", "0 if agreement < 0 else g"),
        _step("lr * size * sign(used)"),
    ]


def _rmsprop(rule: Any, state: State) -> list[Line]:
    lines = [Line("q", "running mean of squared gradients", "decay * q + (1 - decay) * g**2", True)]
    root = "q"
    if rule.centered:
        mean = "decay * mean + (1 - decay) * g"
        lines.append(Line("mean", "running mean of gradients", mean, True))
        lines.append(Line("variance", "their variance", "max(q - mean**2, 0)"))
        root = "variance"
    if rule.momentum == 0.0:
        return [*lines, _step(f"lr * g / (sqrt({root}) + eps)")]
    velocity = f"momentum * velocity + g / (sqrt({root}) + eps)"
    return [*lines, Line("velocity", "velocity", velocity, True), _step("lr * velocity")]


def _adafactor(rule: Any, state: State) -> list[Line]:
    lines = [
        Line("count", "updates so far", "count + 1", True),
        Line("share", "weight of what is new", "count ** (-beta2_decay)"),
    ]
    blend = "(1 - share) * {0} + share * {1}"
    if "rows" in state:
        rows, columns = "row_mean(g**2)", "column_mean(g**2)"
        lines += [
            Line("rows", "mean square of this row", blend.format("rows", rows), True),
            Line("columns", "and of this column", blend.format("columns", columns), True),
            Line("v", "both together", "rows * columns / max(column_mean(rows), eps)"),
        ]
    else:
        lines.append(Line("v", "running mean square", blend.format("v", "g**2"), True))
    return [
        *lines,
        Line("u", "scaled gradient", "g / sqrt(max(v, eps**2))"),
        Line("excess", "what it is too long by", "max(rms_of(u) / clipping_threshold, 1)"),
        Line("size", "size of the weights", "max(rms_of(x), eps_scale)"),
        Line("rate", "relative rate", "min(lr, 1 / sqrt(count))"),
        _step("rate * size / excess * u + lr * weight_decay * x"),
    ]


def _lamb(rule: Any, state: State) -> list[Line]:
    return [
        *ADAM,
        Line("u", "Adam's direction, with decay", f"{DIRECTION} + weight_decay * x"),
        Line("norm_x", "length of the whole array", "norm_of(x)"),
        Line("norm_u", "length of its direction", "norm_of(u)"),
        Line("ratio", "trust", "norm_x / norm_u if norm_x * norm_u > 0 else 1"),
        _step("lr * ratio * u"),
    ]


def _muon(rule: Any, state: State) -> list[Line]:
    push = "(1 - momentum) * g"
    u = f"{push} + momentum * velocity" if rule.nesterov else "velocity"
    rows, columns = np.shape(state["velocity"])
    factor = f"sqrt({max(1.0, columns / rows)!r})"
    return [
        Line("velocity", "velocity", f"momentum * velocity + {push}", True),
        Line("u", "direction", u),
        Line("turned", "all singular values near 1", f"turned_of(u, {rule.steps})"),
        Line("factor", "for the shape of the matrix", factor),
        _step("lr * factor * turned + lr * weight_decay * x"),
    ]


def _accumulate(rule: Any, state: State) -> list[Line]:
    total = Line("sum", "sum of gradients", "sum + g", True)
    count = Line("count", f"gradients so far, of {rule.n}", "count + 1", True)
    if state["count"] + 1 < rule.n:
        return [total, count]
    return [total, count, _step("sum / count")]


def _clip_norm(rule: Any, state: State) -> list[Line]:
    norm = "norm_of(g)" if rule.p == 2.0 else "norm"  # of another p the step's own is told
    return [Line("norm", "length of the gradient", norm), _step("g * min(max_norm / norm, 1)")]


def fixed(*lines: Line) -> Callable[[Any, State], list[Line]]:
    """Return a formula that is the same whatever the rule's options and state."""
    return lambda rule, state: list(lines)


FORMULAS: dict[type[Rule], Callable[[Any, State], Sequence[Line]]] = {
    optim.SGD: _sgd,
    optim.Adam: fixed(*ADAM, _step(f"lr * {DIRECTION}")),
    optim.AdamW: _adamw,
    optim.RAdam: _radam,
    optim.Adamax: fixed(
        MEAN,
        Line("u", "largest gradient, fading", "max(beta2 * u, abs(g))", True),
        POWER1,
        M_HAT,
        _step("lr * m_hat / (u + eps)"),
    ),
    optim.OAdam: fixed(
        *ADAM,
        Line("ahead", "Adam's step", f"lr * {DIRECTION}"),
        _step("2 * ahead - last"),
    ),
    optim.AMSGrad: fixed(
        MEAN,
        SQUARE,
        Line("largest", "largest mean square so far", "max(largest, v)", True),
        _step("lr * m / (sqrt(largest) + eps)"),
    ),
    optim.NAdam: fixed(
        *ADAM[:4],
        V_HAT,
        Line(
            "u", "mean, one step ahead", "beta1 * m / (1 - p1 * beta1) + (1 - beta1) * g / (1 - p1)"
        ),
        _step("lr * u / (sqrt(beta2 * v_hat) + eps)"),
    ),
    optim.AdaBelief: fixed(
        MEAN,
        Line("s", "how far gradients miss it", "beta2 * s + (1 - beta2) * (g - m)**2 + eps", True),
        POWER1,
        POWER2,
        M_HAT,
        Line("s_hat", "the same, corrected", "s / (1 - p2)"),
        _step("lr * m_hat / (sqrt(s_hat) + eps)"),
    ),
    optim.Rprop: _rprop,
    optim.Lion: fixed(
        Line("u", "mean, with this gradient", "beta1 * m + (1 - beta1) * g"),
        Line("m", "running mean of gradients", "beta2 * m + (1 - beta2) * g", True),
        _step("lr * (sign(u) + weight_decay * x)"),
    ),
    optim.RMSprop: _rmsprop,
    optim.Adagrad: fixed(
        Line("sum", "sum of squared gradients", "sum + g**2", True),
        _step("lr * g / (sqrt(sum) + eps)"),
    ),
    optim.Adadelta: fixed(
        Line(
            "gradients", "mean of squared gradients",
            "decay * gradients + (1 - decay) * g**2", True,
        ),
        _step("g * sqrt(steps + eps) / sqrt(gradients + eps)"),
    ),
    optim.Lamb: _lamb,
    optim.Adafactor: _adafactor,
    optim.Muon: _muon,
    optim.WeightDecay: fixed(_step("g + weight_decay * x")),
    optim.SignDecay: fixed(_step("g + weight_decay * sign(x)")),
    optim.ClipGrad: fixed(_step("min(max(g, -delta), delta)")),
    optim.ClipNorm: _clip_norm,
    optim.ClipGlobalNorm: fixed(_step("g * min(max_norm / norm, 1)")),
    optim.AccumGrad: _accumulate,
}  # fmt: skip
