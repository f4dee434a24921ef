"""RULES: every rule, modifier and mixture that the property tests go through.

Rates are such that each finds the minimum of a small quadratic from a distance of about one.
"""

from __future__ import annotations

from dataclasses import dataclass

from interactive_train import optim, schedules


@dataclass(frozen=True)
class Case:
    """A rule and what is peculiar to it.

    Attributes
    ----------
    steps : int
        After which it has converged, to within `near`.
    matrices : bool
        Whether it takes matrices only.
    """

    rule: optim.Rule
    steps: int = 400
    near: float = 0.02
    matrices: bool = False


RULES: dict[str, Case] = {
    "SGD": Case(optim.SGD(0.1)),
    "SGD momentum": Case(optim.SGD(0.05, momentum=0.9)),
    "SGD nesterov in velocity": Case(
        optim.SGD(0.05, momentum=0.9, nesterov=True, lr_in_velocity=True)
    ),
    "Adam": Case(optim.Adam(0.05)),
    "AdamW": Case(optim.AdamW(0.05, weight_decay=1e-4)),
    "AdamW uncoupled": Case(optim.AdamW(0.05, weight_decay=1e-6, decay_scaled_by_lr=False)),
    "RMSprop": Case(optim.RMSprop(0.01)),
    "RMSprop centered momentum": Case(optim.RMSprop(0.002, momentum=0.5, centered=True), 800, 0.1),
    "Rprop": Case(optim.Rprop(0.01)),
    "RAdam": Case(optim.RAdam(0.05)),
    "Adamax": Case(optim.Adamax(0.05)),
    "OAdam": Case(optim.OAdam(0.02)),
    "Adagrad": Case(optim.Adagrad(0.3)),
    "Adadelta": Case(optim.Adadelta(0.9, eps=1e-4)),
    "AMSGrad": Case(optim.AMSGrad(0.02)),
    "NAdam": Case(optim.NAdam(0.05)),
    "AdaBelief": Case(optim.AdaBelief(0.05)),
    "Lion": Case(optim.Lion(0.005)),
    "Lamb": Case(optim.Lamb(schedules.linear(0.05, 0.001, 400), weight_decay=0.0)),
    "Adafactor": Case(optim.Adafactor(0.05), 800, 0.1),
    "Muon": Case(
        optim.Muon(schedules.linear(0.1, 0.0, 400), weight_decay=0.0), near=0.05, matrices=True
    ),
    "WeightDecay in front": Case(optim.Chain(optim.WeightDecay(1e-4), optim.SGD(0.1))),
    "SignDecay behind": Case(optim.Chain(optim.SGD(0.1), optim.SignDecay(1e-5))),
    "clips": Case(optim.Chain(optim.ClipGrad(1.0), optim.ClipNorm(1.0), optim.Adam(0.05))),
    "global norm": Case(optim.Chain(optim.ClipGlobalNorm(1.0), optim.SGD(0.1, momentum=0.5))),
    "accumulated": Case(
        optim.Chain(optim.AccumGrad(3), optim.ClipGlobalNorm(1.0), optim.NAdam(0.05)), 1200
    ),
    "nested": Case(
        optim.Chain(
            optim.Chain(optim.ClipGrad(5.0), optim.WeightDecay(1e-4)),
            optim.RMSprop(schedules.linear(0.02, 0.001, 300)),
        )
    ),
}
