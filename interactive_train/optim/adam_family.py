"""Rules that grew out of Adam: RAdam, Adamax, OAdam, AMSGrad, NAdam, AdaBelief.

In every formula m and v are running means of g and g^2,

    m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g^2,

t is the number of updates of this array, counted from 1, and m^ = m / (1 - beta1^t),
v^ = v / (1 - beta2^t). The powers of beta are running products per array, so that a beta
which is changed in mid-run is accounted for from then on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from interactive_train.optim.rule import Rule, State, learning_rate
from interactive_train.optim.rules import BETA1, BETA2, EPSILON
from interactive_train.runtime.hyperparameter import Hyperparameter


class _Moments(Rule):
    """What these rules share: four knobs, two moments, two powers."""

    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        learning_rate(1e-3),
        BETA1,
        BETA2,
        EPSILON,
    )
    lr: float
    beta1: float
    beta2: float
    eps: float

    def __init__(
        self, lr: Any = 1e-3, *, beta1: Any = 0.9, beta2: Any = 0.999, eps: Any = 1e-8
    ) -> None:
        super().__init__(lr=lr, beta1=beta1, beta2=beta2, eps=eps)

    def init(self, x: Any) -> State:
        """Return moments of zero and powers of one."""
        return {"m": self.zeros(x), "v": self.zeros(x), "beta1_power": 1.0, "beta2_power": 1.0}

    def mean(self, state: State, g: Any) -> Any:
        """Return the new m."""
        return self.beta1 * state["m"] + (1.0 - self.beta1) * g

    def square(self, state: State, g: Any) -> Any:
        """Return the new v for what is squared in it."""
        return self.beta2 * state["v"] + (1.0 - self.beta2) * (g * g)

    def powers(self, state: State) -> tuple[float, float]:
        """Return beta1^t and beta2^t."""
        return state["beta1_power"] * self.beta1, state["beta2_power"] * self.beta2


class RAdam(_Moments):
    """Adam with a rectified variance: the first steps go without v, which is still unreliable.

    rho_inf = 2 / (1 - beta2) - 1;  rho = rho_inf - 2 t beta2^t / (1 - beta2^t)
    dx = lr r m^ / (sqrt(v^) + eps)  for rho > 4, else dx = lr m^, with
    r = sqrt((rho - 4) (rho - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2) rho))

    The threshold is the paper's (and Flux's) 4; PyTorch has 5.

    Parameters
    ----------
    lr, beta1, beta2, eps : float or schedule

    References
    ----------
    Liu et al.: On the variance of the adaptive learning rate and beyond. 2020.

    Examples
    --------
    >>> RAdam(1e-3)
    RAdam(lr=0.001, beta1=0.9, beta2=0.999, eps=1e-08)
    """

    def init(self, x: Any) -> State:
        """Return moments of zero, powers of one, and no update so far."""
        return {**super().init(x), "count": 0.0}

    def apply(self, state: State, x: Any, g: Any) -> tuple[State, Any]:
        """Return the new moments and the step."""
        m, v = self.mean(state, g), self.square(state, g)
        power1, power2 = self.powers(state)
        count = state["count"] + 1.0
        new = {"m": m, "v": v, "beta1_power": power1, "beta2_power": power2, "count": count}
        most = 2.0 / (1.0 - self.beta2) - 1.0
        rho = most - 2.0 * count * power2 / (1.0 - power2)
        direction = m / (1.0 - power1)
        if rho > 4.0:
            share = (rho - 4.0) * (rho - 2.0) * most / ((most - 4.0) * (most - 2.0) * rho)
            scale = np.sqrt(v / (1.0 - power2)) + self.eps
            return new, self.lr * (np.sqrt(share) * (direction / scale))
        return new, self.lr * direction


class Adamax(_Moments):
    """Adam with the largest gradient in place of the mean square.

    u <- max(beta2 u, |g|);  dx = lr m^ / (u + eps)

    Parameters
    ----------
    lr, beta1, beta2, eps : float or schedule

    References
    ----------
    Kingma, Ba: Adam: a method for stochastic optimization. 2015. Section 7.

    Examples
    --------
    >>> Adamax(2e-3).lr
    0.002
    """

    def init(self, x: Any) -> State:
        """Return zeros, and the power of beta1."""
        return {"m": self.zeros(x), "u": self.zeros(x), "beta1_power": 1.0}

    def apply(self, state: State, x: Any, g: Any) -> tuple[State, Any]:
        """Return the new moments and the step."""
        m = self.mean(state, g)
        u = np.maximum(self.beta2 * state["u"], np.abs(g))
        power = state["beta1_power"] * self.beta1
        step = (self.lr / (1.0 - power)) * (m / (u + self.eps))
        return {"m": m, "u": u, "beta1_power": power}, step


class OAdam(_Moments):
    """Optimistic Adam, which looks ahead in a game: what a GAN's two players need.

    a = lr m^ / (sqrt(v^) + eps);  dx = 2 a - p;  p <- a

    Parameters
    ----------
    lr, beta1, beta2, eps : float or schedule

    References
    ----------
    Daskalakis et al.: Training GANs with optimism. 2018.

    Examples
    --------
    >>> OAdam()
    OAdam(lr=0.001, beta1=0.5, beta2=0.9, eps=1e-08)
    """

    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        learning_rate(1e-3),
        replace(BETA1, default=0.5),
        replace(BETA2, default=0.9),
        EPSILON,
    )

    def __init__(
        self, lr: Any = 1e-3, *, beta1: Any = 0.5, beta2: Any = 0.9, eps: Any = 1e-8
    ) -> None:
        super().__init__(lr, beta1=beta1, beta2=beta2, eps=eps)

    def init(self, x: Any) -> State:
        """Return moments and a last step of zero, and powers of one."""
        return {**super().init(x), "last": self.zeros(x)}

    def apply(self, state: State, x: Any, g: Any) -> tuple[State, Any]:
        """Return the new moments and the step."""
        m, v = self.mean(state, g), self.square(state, g)
        power1, power2 = self.powers(state)
        scale = np.sqrt(v / (1.0 - power2)) + self.eps
        ahead = self.lr * ((m / (1.0 - power1)) / scale)
        new = {"m": m, "v": v, "beta1_power": power1, "beta2_power": power2, "last": ahead}
        return new, 2.0 * ahead - state["last"]


class AMSGrad(_Moments):
    """Adam whose scale never shrinks.

    w <- max(w, v);  dx = lr m / (sqrt(w) + eps), where m, v and w begin at eps

    Without bias correction, as in Flux; PyTorch's ``Adam(amsgrad=True)`` has it.

    Parameters
    ----------
    lr, beta1, beta2, eps : float or schedule

    References
    ----------
    Reddi, Kale, Kumar: On the convergence of Adam and beyond. 2018.

    Examples
    --------
    >>> AMSGrad(1e-3, beta2=0.99).beta2
    0.99
    """

    def init(self, x: Any) -> State:
        """Return moments of eps."""
        start = np.full(x.shape, self.eps, x.dtype)
        return {"m": start, "v": start.copy(), "largest": start.copy()}

    def apply(self, state: State, x: Any, g: Any) -> tuple[State, Any]:
        """Return the new moments and the step."""
        m, v = self.mean(state, g), self.square(state, g)
        largest = np.maximum(state["largest"], v)
        step = self.lr * (m / (np.sqrt(largest) + self.eps))
        return {"m": m, "v": v, "largest": largest}, step


class NAdam(_Moments):
    """Adam with Nesterov's momentum.

    dx = lr (beta1 m / (1 - beta1^(t+1)) + (1 - beta1) g / (1 - beta1^t))
         / (sqrt(beta2 v^) + eps)

    The factor beta2 is Flux's; PyTorch has a schedule of beta1 instead.

    Parameters
    ----------
    lr, beta1, beta2, eps : float or schedule

    References
    ----------
    Dozat: Incorporating Nesterov momentum into Adam. 2016.

    Examples
    --------
    >>> NAdam(2e-3).lr
    0.002
    """

    def apply(self, state: State, x: Any, g: Any) -> tuple[State, Any]:
        """Return the new moments and the step."""
        m, v = self.mean(state, g), self.square(state, g)
        power1, power2 = self.powers(state)
        ahead = (self.beta1 / (1.0 - power1 * self.beta1)) * m + (
            (1.0 - self.beta1) / (1.0 - power1)
        ) * g
        scale = np.sqrt((self.beta2 / (1.0 - power2)) * v) + self.eps
        new = {"m": m, "v": v, "beta1_power": power1, "beta2_power": power2}
        return new, self.lr * (ahead / scale)


class AdaBelief(_Moments):
    """Adam that trusts a gradient as far as it agrees with the expected one.

    s <- beta2 s + (1 - beta2) (g - m)^2 + eps;  dx = lr m^ / (sqrt(s / (1 - beta2^t)) + eps)

    Parameters
    ----------
    lr, beta1, beta2, eps : float or schedule
        Note the small default of eps, 1e-16.

    References
    ----------
    Zhuang et al.: AdaBelief optimizer: adapting stepsizes by the belief in observed
    gradients. 2020.

    Examples
    --------
    >>> AdaBelief().eps
    1e-16
    """

    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        learning_rate(1e-3),
        BETA1,
        BETA2,
        replace(EPSILON, default=1e-16, slider=(1e-18, 1e-4)),
    )

    def __init__(
        self, lr: Any = 1e-3, *, beta1: Any = 0.9, beta2: Any = 0.999, eps: Any = 1e-16
    ) -> None:
        super().__init__(lr, beta1=beta1, beta2=beta2, eps=eps)

    def init(self, x: Any) -> State:
        """Return moments of zero and powers of one."""
        return {"m": self.zeros(x), "s": self.zeros(x), "beta1_power": 1.0, "beta2_power": 1.0}

    def apply(self, state: State, x: Any, g: Any) -> tuple[State, Any]:
        """Return the new moments and the step."""
        m = self.mean(state, g)
        s = self.square({"v": state["s"]}, g - m) + self.eps
        power1, power2 = self.powers(state)
        step = (m / (1.0 - power1)) / (np.sqrt(s / (1.0 - power2)) + self.eps)
        return {"m": m, "s": s, "beta1_power": power1, "beta2_power": power2}, self.lr * step
