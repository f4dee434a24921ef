"""``python -m interactive_train doctor | warm | demo``: arguments in, an exit code out.

Each command imports what it needs when it runs, so that ``--help`` is quick.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from interactive_train.runtime.errors import did_you_mean, refusal

PROGRAM = "python -m interactive_train"
COMMANDS = ("doctor", "warm", "demo")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process by default.

    Returns
    -------
    int
        0, or 1 when a command could not do its work, or 2 for arguments that make no sense.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    words = [word for word in given if not word.startswith("-")]
    if words and words[0] not in COMMANDS:
        print(
            refusal(PROGRAM, "needs a command", repr(words[0]), did_you_mean(words[0], COMMANDS)),
            file=sys.stderr,
        )
        return 2
    parser = _parser()
    if not given:
        parser.print_help()
        return 2
    options = parser.parse_args(given)
    try:
        if options.command == "doctor":
            return _doctor()
        if options.command == "warm":
            return _warm()
        return _demo(options.seed, options.epochs)
    except KeyboardInterrupt:
        print("\nstopped.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Train neural networks in Jupyter and steer the fit while it runs.",
        epilog="In a notebook: import interactive_train as it",
    )
    parser.add_argument("--version", action="version", version=f"interactive-train {release()}")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)
    commands.add_parser(
        "doctor",
        help="print what this machine will use, and whether live control works here",
        description="Print what was chosen for this machine: versions, processor, library for "
        "matrix products, cache; and whether live control works here. Names each problem "
        "with its fix.",
    )
    commands.add_parser(
        "warm",
        help="compile and cache the kernels, once per machine and version",
        description="Compile all kernels for float32 and float64 into the private cache, so "
        "that the first fit starts at once. Quick when they are all there.",
    )
    demo = commands.add_parser(
        "demo",
        help="train the digits model in this terminal, print the held-out accuracy",
        description="Train the quickstart's model on scikit-learn's digits with a progress bar "
        "and print the accuracy on digits that were held out.",
    )
    demo.add_argument("--seed", type=int, default=0, help="of weights and shuffling (default: 0)")
    demo.add_argument(
        "--epochs", type=_positive, default=None, help="passes over the data (default: the demo's)"
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more; got {number}")
    return number


def release() -> str:
    """Return the installed version, or what stands in for it in a bare checkout."""
    try:
        return version("interactive-train")
    except PackageNotFoundError:
        return "(not installed)"


def _doctor() -> int:
    from interactive_train.cli.doctor import report

    print(report())
    return 0


def _warm() -> int:
    from interactive_train.cli.warm import warm

    return warm()


def _demo(seed: int, epochs: int | None) -> int:
    try:
        from interactive_train.training import demo

        demo.main(seed=seed, epochs=demo.EPOCHS if epochs is None else epochs)
    except ImportError as error:  # scikit-learn holds the digits
        print(error, file=sys.stderr)
        return 1
    return 0
