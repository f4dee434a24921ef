"""Write loss_values.npz: what PyTorch says of losses that we have too, values and gradients.

Run it where PyTorch is installed: ``python tests/golden/make_loss_values.py``. Inputs stand under
``input <name>``, in float64; ``<case> value`` and ``<case> gradient`` under the names that
tests/losses/test_golden_values.py gives to our calls. Where PyTorch has no such loss (focal, dice),
the formula of its paper is written here with PyTorch's functions and differentiated by it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


def inputs() -> Arrays:
    """Return what all cases are computed from."""
    rng = np.random.default_rng(20240607)
    labels = rng.integers(0, 5, (6, 4))
    ignoring = labels.copy()
    ignoring[[0, 2, 5], [1, 3, 0]] = -100
    frames = rng.integers(8, 13, 5)
    frames[0] = 12
    speech = np.full((5, 4), -1)
    for row, count in enumerate([4, 3, 0, 1, 4]):
        speech[row, :count] = rng.integers(1, 6, count)
    speech[0] = [2, 2, 3, 3]  # repeats need a blank between
    return {
        "logits": rng.normal(size=(6, 4, 5)) * 3,
        "labels": labels,
        "ignoring": ignoring,
        "rows": rng.dirichlet(np.ones(5), (6, 4)),
        "class_weights": rng.uniform(0.2, 3.0, 5),
        "outputs": rng.normal(size=(7, 3)) * 3,
        "other": rng.normal(size=(7, 3)) * 3,
        "answers": rng.integers(0, 2, (7, 3)).astype(float),
        "chances": rng.uniform(size=(7, 3)),
        "counts": rng.poisson(3.0, (7, 3)).astype(float),
        "per_output": rng.uniform(0.2, 3.0, 3),
        "frames": rng.normal(size=(5, 12, 6)) * 2,
        "frame_counts": frames,
        "speech": speech,
        "speech_counts": np.array([4, 3, 0, 1, 4]),
    }


def cases(given: Arrays) -> dict[str, tuple[str, Callable[[Any], Any]]]:
    """Return by name the input to differentiate and PyTorch's loss of it."""
    import torch
    from torch.nn import functional

    t = {name: torch.from_numpy(np.asarray(array)) for name, array in given.items()}
    signs = 2 * t["answers"] - 1

    def sparse(**options: Any) -> Callable[[Any], Any]:
        target = "ignoring" if "ignore_index" in options else "labels"
        # PyTorch wants the classes second
        return lambda x: functional.cross_entropy(x.movedim(-1, 1), t[target], **options)

    def dense(**options: Any) -> Callable[[Any], Any]:
        return lambda x: functional.cross_entropy(
            x.movedim(-1, 1), t["rows"].movedim(-1, 1), **options
        )

    def binary(target: str, **options: Any) -> Callable[[Any], Any]:
        return lambda x: functional.binary_cross_entropy_with_logits(x, t[target], **options)

    def focal(x: Any, gamma: float, weight: Any = None) -> Any:
        p = torch.softmax(x, -1).gather(-1, t["labels"][..., None])[..., 0]
        w = 1.0 if weight is None else weight[t["labels"]]
        return (-w * (1 - p) ** gamma * torch.log(p)).mean()

    def binary_focal(x: Any, gamma: float, alpha: float | None) -> Any:
        p = torch.sigmoid(signs * x)
        a = 1.0 if alpha is None else alpha * t["answers"] + (1 - alpha) * (1 - t["answers"])
        return (-a * (1 - p) ** gamma * torch.log(p)).mean()

    def dice(x: Any) -> Any:
        p, y = torch.sigmoid(x), t["answers"]
        overlap = 2 * (p * y).sum(1) + 1.0
        return (1 - overlap / ((p**2).sum(1) + (y**2).sum(1) + 1.0)).mean()

    def ctc(x: Any, frames: str = "", **options: Any) -> Any:
        lengths = t[frames] if frames else torch.full((5,), 12)
        return functional.ctc_loss(
            torch.log_softmax(x, -1).movedim(1, 0),
            t["speech"].clamp(min=0),
            lengths,
            t["speech_counts"],
            reduction="none",
            **options,
        )

    w = t["class_weights"]
    return {
        "cross_entropy": ("logits", dense()),
        "cross_entropy sum": ("logits", dense(reduction="sum")),
        "cross_entropy none": ("logits", dense(reduction="none")),
        "cross_entropy weight": ("logits", dense(weight=w)),
        "cross_entropy smoothing": ("logits", dense(weight=w, label_smoothing=0.2)),
        "sparse": ("logits", sparse()),
        "sparse none": ("logits", sparse(reduction="none")),
        "sparse weight": ("logits", sparse(weight=w)),
        "sparse ignoring": ("logits", sparse(ignore_index=-100)),
        "sparse ignoring none": ("logits", sparse(ignore_index=-100, reduction="none")),
        "sparse smoothing": ("logits", sparse(label_smoothing=0.2)),
        "sparse smoothing sum": ("logits", sparse(label_smoothing=0.2, weight=w, reduction="sum")),
        "sparse everything": (
            "logits",
            sparse(weight=w, ignore_index=-100, label_smoothing=0.2),
        ),
        "binary": ("outputs", binary("answers")),
        "binary none": ("outputs", binary("answers", reduction="none")),
        "binary chances": ("outputs", binary("chances")),
        "binary weights": (
            "outputs",
            binary("answers", weight=t["per_output"], pos_weight=t["per_output"] + 0.5),
        ),
        "mse": ("outputs", lambda x: functional.mse_loss(x, t["other"])),
        "mae": ("outputs", lambda x: functional.l1_loss(x, t["other"])),
        "mae none": ("outputs", lambda x: functional.l1_loss(x, t["other"], reduction="none")),
        "huber": ("outputs", lambda x: functional.huber_loss(x, t["other"], delta=2.5)),
        "huber sum": ("outputs", lambda x: functional.huber_loss(x, t["other"], reduction="sum")),
        "kl_div": (
            "logits",
            lambda x: (
                functional.kl_div(torch.log_softmax(x, -1), t["rows"], reduction="sum") / (6 * 4)
            ),
        ),
        "hinge": ("outputs", lambda x: torch.clamp(1 - signs * x, min=0).mean()),
        "squared_hinge": ("outputs", lambda x: (torch.clamp(1 - signs * x, min=0) ** 2).mean()),
        "focal": ("logits", lambda x: focal(x, 2.0)),
        "focal weight": ("logits", lambda x: focal(x, 0.7, w)),
        "binary_focal": ("outputs", lambda x: binary_focal(x, 2.0, None)),
        "binary_focal alpha": ("outputs", lambda x: binary_focal(x, 1.5, 0.25)),
        "dice": ("outputs", dice),
        "poisson": ("outputs", lambda x: functional.poisson_nll_loss(x, t["counts"])),
        "poisson sum": (
            "outputs",
            lambda x: functional.poisson_nll_loss(x, t["counts"], reduction="sum"),
        ),
        "cosine_similarity": (
            "outputs",
            lambda x: (1 - functional.cosine_similarity(x, t["other"], dim=-1)).mean(),
        ),
        "ctc": ("frames", ctc),
        "ctc lengths": ("frames", lambda x: ctc(x, "frame_counts")),
        "ctc mean": ("frames", lambda x: ctc(x).mean()),
    }


def torch_values() -> Arrays:
    """Return values and gradients of all cases; of several values, of their weighted sum."""
    import torch

    given = inputs()
    found: Arrays = {}
    for name, (argument, loss) in cases(given).items():
        x = torch.from_numpy(given[argument]).requires_grad_()
        value = loss(x)
        mixed = torch.arange(1.0, value.numel() + 1, dtype=x.dtype).reshape(value.shape)
        (gradient,) = torch.autograd.grad((value * mixed).sum(), x)
        found[f"{name} value"] = value.detach().numpy()
        found[f"{name} gradient"] = gradient.numpy()
    return found


if __name__ == "__main__":
    golden: dict[str, Any] = {f"input {name}": array for name, array in inputs().items()}
    golden.update(torch_values())
    np.savez_compressed(Path(__file__).with_name("loss_values.npz"), **golden)
