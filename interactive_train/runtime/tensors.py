"""Named arrays and texts in one file of the safetensors format, whole or not there.

The format holds numbers and no code; the library checks every number of a header against the bytes
that are there. Writing goes to another name first, so that a reader never sees half of a file.

References
----------
https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.errors import refusal

KINDS = "bui"  # and floats of at most eight bytes
INSTALL = 'pip install "interactive-train[files]"'


def write_tensors(
    path: str | os.PathLike[str],
    arrays: Mapping[str, NDArray[Any]],
    texts: Mapping[str, str],
) -> None:
    """Write arrays and texts to a file, which then has all of them or is as it was.

    Parameters
    ----------
    path : path
        Written anew if it stands there.
    arrays : mapping of str to ndarray
        Of plain numbers or truth values.
    texts : mapping of str to str

    Raises
    ------
    ImportError
        Without safetensors.
    TypeError
        For an array of something else.
    OSError
        If the file cannot be written.
    """
    save = _library().numpy.save
    plain = {}
    for name, array in arrays.items():
        kind = array.dtype.newbyteorder("<")
        if not (kind.kind in KINDS or (kind.kind == "f" and kind.itemsize <= 8)):
            raise TypeError(
                refusal("a run file", f"{name} is an array of numbers", str(array.dtype))
            )
        plain[name] = np.array(array, kind, order="C")
    content = save(plain, metadata=dict(texts))
    target = Path(path)
    # Beside the target, so that taking its name is one step for whoever reads.
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise


def read_tensors(path: str | os.PathLike[str]) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Return the arrays, read-only, and the texts of a file.

    Raises
    ------
    ImportError
        Without safetensors.
    ValueError
        If the file is not of this format, or cut off.
    OSError
        If it cannot be read.
    """
    library = _library()
    Path(path).open("rb").close()  # whether it can be read is the system's to say
    found: dict[str, NDArray[Any]] = {}
    try:
        with library.safe_open(os.fspath(path), framework="np") as file:
            texts = dict(file.metadata() or {})
            for name in file.keys():  # noqa: SIM118 - no mapping
                found[name] = np.asarray(file.get_tensor(name))
                found[name].flags.writeable = False
    except (library.SafetensorError, ValueError, TypeError, KeyError, OSError) as error:
        raise ValueError(
            refusal(os.fspath(path), "a safetensors file", str(error),
                    "It is no such file, or was cut off.")
        ) from error  # fmt: skip
    return found, texts


def _library() -> Any:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "a run file: needs safetensors; got an environment without it. "
            f"Install it with: {INSTALL}"
        ) from error
    return safetensors
