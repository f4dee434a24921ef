"""Floor 6: the loop, the trainer over states, the run that is steered while it goes."""

from interactive_train.training.control.plan import Intervention, at
from interactive_train.training.finder import RateSweep, lr_find
from interactive_train.training.journal.journal import Journal
from interactive_train.training.loop.report import EarlyStop
from interactive_train.training.records.history import History
from interactive_train.training.records.state import TrainState, adjusted, frozen, thawed
from interactive_train.training.records.ticket import Ticket
from interactive_train.training.run.registry import runs
from interactive_train.training.run.replay import replay
from interactive_train.training.run.run import Run, RunPaused
from interactive_train.training.run.runfile import load_run
from interactive_train.training.run.saved import SavedRun
from interactive_train.training.run.verification import Verification, verify
from interactive_train.training.step.stepper import NonFiniteError
from interactive_train.training.train import train, train_step
from interactive_train.training.trainer import Trainer

__all__ = [
    "EarlyStop",
    "History",
    "Intervention",
    "Journal",
    "NonFiniteError",
    "RateSweep",
    "Run",
    "RunPaused",
    "SavedRun",
    "Ticket",
    "TrainState",
    "Trainer",
    "Verification",
    "adjusted",
    "at",
    "frozen",
    "load_run",
    "lr_find",
    "replay",
    "runs",
    "thawed",
    "train",
    "train_step",
    "verify",
]
