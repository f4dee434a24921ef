"""Fingerprint: everything that decides the bits of a fit, named, so that a difference has a name.

Equal fingerprints, start states and data give equal bits, with any number of threads. Nothing here
is measured: versions, the processor's features, the cores that a step may be cut for, the
source of the floors that compute, the declared model, rules and loss; and hashes of state and data.
"""

from __future__ import annotations

import hashlib
import platform
import re
import sys
import time
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import interactive_train
from interactive_train import tree
from interactive_train.data import Data
from interactive_train.kernels.store import build_fingerprint
from interactive_train.program.compile import most_shards
from interactive_train.program.program import Program, Ref
from interactive_train.runtime.blas import blas
from interactive_train.runtime.checks import name_of
from interactive_train.runtime.cpu import cpu_features, cpu_name
from interactive_train.training.journal.wire import encode, encode_value
from interactive_train.training.records.state import TrainState

if TYPE_CHECKING:
    from interactive_train.training.loop.session import Session

Header = dict[str, Any]

WHOLE = 1 << 24  # bytes of an array that are hashed as they are
PIECES, PIECE = 64, 1 << 16  # of a larger one: so many pieces of so many bytes
_COMPUTING = ("autodiff", "data", "kernels", "losses", "machine", "nn", "optim", "program",
              "runtime", "schedules", "training/recorded", "training/step")  # fmt: skip

NAMES = {  # what a part is called in a sentence
    "package": "interactive-train is another version",
    "code": "the library's code differs",
    "numpy": "NumPy is another version",
    "kernels": "the kernels were compiled by other versions",
    "processor": "the processor is another one",
    "features": "the processor has other features",
    "blas": "the library for matrix products differs",
    "system": "the system differs",
    "dtype": "the floating type differs",
    "model": "the model differs",
    "rules": "the optimiser differs",
    "loss": "the loss is another function",
}


def header_of(session: Session) -> Header:
    """Return what a journal says of the start of a fit."""
    arguments = dict(session.arguments)
    rng = session.rng
    return {
        "name": arguments.pop("name", "fit"),
        "written": time.time(),
        "fingerprint": fingerprint(session.state, arguments.pop("loss", "")),
        "state": described_state(session.state),
        "data": described_data(session.given),
        "rng": None if rng is None else [rng.high, rng.low],
        "arguments": arguments,
        "plan": [{"step": step, "command": encode(p.command)} for step, p in session.agenda.items],
    }


def fingerprint(state: TrainState, loss: str = "") -> dict[str, str]:
    """Return the parts of the fingerprint by name; `NAMES` says what they mean."""
    return {
        **_machine(),
        "dtype": ", ".join(sorted({str(a.dtype) for _, a in tree.flatten_with_paths(state.model)})),
        "model": digest(_plain(repr(state.model))),
        "rules": digest(_plain(repr([leaf.rule for _, leaf in state.opt_state.leaves()]))),
        "loss": loss,
    }


@lru_cache(maxsize=1)
def _machine() -> Mapping[str, str]:
    library = blas()
    return {
        "package": interactive_train.__version__,
        "code": _source_hash(),
        "numpy": version("numpy"),
        "kernels": build_fingerprint(),
        "processor": cpu_name(),
        "features": digest(" ".join(sorted(cpu_features()))),
        "blas": f"{library.core}, {library.configuration}",
        "system": f"{sys.platform} {platform.machine()}",
        "shards": str(most_shards()),
    }


def _source_hash() -> str:
    root = Path(interactive_train.__file__).parent
    found = hashlib.blake2b(digest_size=8)
    for part in _COMPUTING:
        for path in sorted((root / part).rglob("*.py")):
            found.update(path.read_bytes())
    return found.hexdigest()


def differences(recorded: Mapping[str, Any], own: Mapping[str, Any]) -> list[str]:
    """Return why two fingerprints need not give equal bits, a clause for each part."""
    return [
        f"{text} ({recorded[key]} then, {own[key]} now)"
        for key, text in NAMES.items()
        if key in recorded and recorded[key] != own.get(key, "")
    ]


def described_state(state: TrainState) -> Header:
    """Return step, key, position and a hash of every array, number and setting of a state."""
    found = hashlib.blake2b(digest_size=8)
    for path, array in tree.flatten_with_paths(state.model):
        _take(found, path, array)
    for path, leaf in state.opt_state.leaves():
        for name, value in leaf.state.items():
            _take(found, f"{path}/{name}", np.asarray(value))
        settings = {name: _setting(value) for name, value in leaf.knobs.items()}
        found.update(repr((path, settings, leaf.frozen)).encode())
    knobs = [(key, _setting(value)) for key, value in sorted(state.layer_knobs.items())]
    found.update(repr((knobs, state.step, state.opt_state.step, state.position)).encode())
    return {
        "hash": found.hexdigest(),
        "step": state.step,
        "position": list(state.position),
        "key": [state.key.high, state.key.low],
    }


def _setting(setting: Any) -> Any:
    return encode_value(setting.base), setting.scale, setting.override


def described_data(data: Data) -> Header:
    """Return the calls that made a pipeline, and a hash of its arrays, where it has some.

    Arrays of up to 16 MB are hashed whole, of larger ones 64 pieces of 64 kB, evenly spread; of
    lists, functions and iterables only the calls are known.
    """
    arrays = data.arrays
    found = hashlib.blake2b(_plain(str(data)).encode(), digest_size=8)
    for array in arrays:
        _take(found, "", array)
    large = any(array.nbytes > WHOLE for array in arrays)
    hashed = ("pieces" if large else "all") if arrays else "calls"
    return {"calls": _plain(str(data)), "hash": found.hexdigest(), "hashed": hashed}


def _take(found: Any, name: str, array: NDArray[Any]) -> None:
    found.update(f"{name} {array.dtype.str} {array.shape}".encode())
    array = np.ascontiguousarray(array)
    if array.nbytes <= WHOLE:
        found.update(array.tobytes() if array.dtype.kind in "USO" else array.data)
        return
    flat = array.reshape(-1).view(np.uint8)
    for start in np.linspace(0, len(flat) - PIECE, PIECES).astype(int):
        found.update(flat[start : start + PIECE].data)


def program_hash(program: Program) -> str:
    """Return a hash of a recorded step: its kernels, their order, sizes and types."""
    found = hashlib.blake2b(digest_size=8)
    for value in program.values:
        home = "" if value.home is None else value.home.region
        found.update(f"{value.shape} {value.dtype} {value.batched} {home} {value.base}\n".encode())
    for op in program.ops:
        operands = [_operand(operand) for operand in op.operands]
        found.update(f"{op.name} {op.kernel.name} {op.floating} {operands}\n".encode())
    return found.hexdigest()


def _operand(operand: Any) -> str:
    if isinstance(operand, Ref):
        return f"#{operand.number}"
    if isinstance(operand, np.ndarray):
        return f"{operand.dtype}{operand.shape}"
    if isinstance(operand, int) and operand >= 1 << 32:
        return "address"  # of a library routine, another one in each process
    return repr(operand)


def digest(text: str) -> str:
    """Return a short hash of a text.

    Examples
    --------
    >>> digest("interactive-train")
    '0449bce21f6b6892'
    """
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def name_of_loss(loss: Any) -> str:
    """Return what a fingerprint calls a loss: its name, and its code where that is Python's."""
    if loss is None:
        return ""
    code = getattr(loss, "__code__", None)
    own = "" if code is None else f" {digest(repr((code.co_code, code.co_names)))}"
    return f"{_plain(name_of(loss))}{own}"


def _plain(text: str) -> str:
    """Return a text without the addresses of objects, which differ from process to process."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)
