"""Schedules: a knob's value as a function of the step, which counts from 1."""

from interactive_train.schedules.cycles import cosine_decay_restarts, triangular
from interactive_train.schedules.phases import (
    inverse_sqrt,
    one_cycle,
    warmup_cosine_decay,
    warmup_stable_decay,
)
from interactive_train.schedules.picture import plot
from interactive_train.schedules.pieces import join, piecewise_constant, step_decay
from interactive_train.schedules.schedule import Schedule, ScheduleLike
from interactive_train.schedules.simple import (
    constant,
    cosine_decay,
    exponential_decay,
    linear,
    polynomial_decay,
    warmup_cosine,
    warmup_linear,
)
from interactive_train.schedules.use import as_schedule, evaluate

__all__ = [
    "Schedule",
    "ScheduleLike",
    "as_schedule",
    "constant",
    "cosine_decay",
    "cosine_decay_restarts",
    "evaluate",
    "exponential_decay",
    "inverse_sqrt",
    "join",
    "linear",
    "one_cycle",
    "piecewise_constant",
    "plot",
    "polynomial_decay",
    "step_decay",
    "triangular",
    "warmup_cosine",
    "warmup_cosine_decay",
    "warmup_linear",
    "warmup_stable_decay",
]
