"""The digits model in a terminal: ``python -m interactive_train demo``."""

from __future__ import annotations

import time

from interactive_train import datasets, losses, metrics, nn, optim, schedules
from interactive_train.training.trainer import Trainer

EPOCHS, BATCH, RATE = 30, 64, 3e-3


def digits_trainer(steps: int) -> Trainer:
    """Return the quickstart's trainer: a small network with a warm, then decaying rate."""
    model = nn.Sequential(
        nn.Linear(64, 128),
        nn.relu,
        nn.Dropout(0.2),
        nn.Linear(128, 64),
        nn.relu,
        nn.Linear(64, 10),
    )
    rule = optim.AdamW(schedules.cosine_decay(RATE, steps))
    return Trainer(model, rule, loss=losses.cross_entropy_sparse)


def main(seed: int = 0, epochs: int = EPOCHS, progress: bool = True) -> float:
    """Train on scikit-learn's digits, print and return the accuracy on held-out ones."""
    train, test = datasets.digits()
    steps = epochs * (len(train[0]) // BATCH)
    trainer = digits_trainer(steps)
    started = time.perf_counter()
    state = trainer.fit(
        trainer.init(seed=seed),
        train,
        epochs=epochs,
        batch_size=BATCH,
        shuffle=seed,
        validation=test,
        metrics={"accuracy": metrics.accuracy},
        progress=progress,
    )
    seconds = time.perf_counter() - started
    accuracy = trainer.evaluate(state, test, {"accuracy": metrics.accuracy})["accuracy"]
    print(  # noqa: T201 - a command line speaks
        f"held-out accuracy {accuracy:.4f} on {len(test[0])} digits, "
        f"{state.step} steps in {seconds:.1f} s"
    )
    return accuracy
