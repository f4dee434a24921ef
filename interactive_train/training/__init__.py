"""Floor 6: the loop, the trainer over states, the run that is steered while it goes."""

from interactive_train.training.finder import RateSweep, lr_find
from interactive_train.training.history import History
from interactive_train.training.journal import Journal
from interactive_train.training.plan import Intervention, at
from interactive_train.training.registry import runs
from interactive_train.training.replay import replay
from interactive_train.training.report import EarlyStop
from interactive_train.training.run import Run, RunPaused
from interactive_train.training.runfile import load_run
from interactive_train.training.saved import SavedRun
from interactive_train.training.state import TrainState, adjusted, frozen, thawed
from interactive_train.training.stepper import NonFiniteError
from interactive_train.training.ticket import Ticket
from interactive_train.training.train import train, train_step
from interactive_train.training.trainer import Trainer
from interactive_train.training.verification import Verification, verify

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
