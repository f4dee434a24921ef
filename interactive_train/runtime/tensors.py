"""Named arrays in one file, in the safetensors format: a header of JSON, then plain bytes.

The format is small enough to be written here (eight bytes with the header's length, the header with
type, shape and place of every array, the arrays one behind the other), exact, and read by other
libraries. A file holds no code; reading checks every number of the header against the bytes
that are there. Writing goes to another name first, so that a file is whole or is not there.

References
----------
https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.errors import refusal

TYPES = {
    "BOOL": "|b1", "U8": "|u1", "I8": "|i1", "U16": "<u2", "I16": "<i2", "U32": "<u4",
    "I32": "<i4", "U64": "<u8", "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8",
}  # fmt: skip
_NAMES = {dtype: name for name, dtype in TYPES.items()}
LONGEST = 100_000_000  # bytes of a header, as in the reference implementation


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
    TypeError
        For an array of something else.
    OSError
        If the file cannot be written.
    """
    header: dict[str, Any] = {"__metadata__": dict(texts)} if texts else {}
    place = 0
    plain = {}
    for name, array in arrays.items():
        kind = array.dtype.newbyteorder("<").str
        if kind not in _NAMES:
            raise TypeError(
                refusal("a run file", f"{name} is an array of numbers", str(array.dtype))
            )
        plain[name] = np.ascontiguousarray(array, kind)
        end = place + array.nbytes
        header[name] = {
            "dtype": _NAMES[kind], "shape": list(array.shape), "data_offsets": [place, end],
        }  # fmt: skip
        place = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    target = Path(path)
    # Beside the target, so that taking its name is one step for whoever reads.
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        with partial.open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for array in plain.values():
                file.write(array.reshape(-1).view(np.uint8).data)
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
    ValueError
        If the file is not of this format, or cut off.
    OSError
        If it cannot be read.
    """
    content = Path(path).read_bytes()
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(LONGEST, len(content) - 8):
        raise _refused(path, "a header with its length", f"{len(content)} bytes")
    try:
        header = json.loads(content[8 : 8 + length])
    except (ValueError, RecursionError) as error:
        raise _refused(path, "a header of JSON", repr(content[8:40])) from error
    if not isinstance(header, dict):
        raise _refused(path, "a header that is an object", type(header).__name__)
    texts = header.pop("__metadata__", {})
    if not isinstance(texts, dict) or not all(isinstance(v, str) for v in texts.values()):
        raise _refused(path, "texts beside the arrays", repr(texts)[:60])
    data = memoryview(content)[8 + length :]
    return {name: _array(path, name, row, data) for name, row in header.items()}, texts


def _array(path: Any, name: str, row: Any, data: memoryview) -> NDArray[Any]:
    row = row if isinstance(row, dict) else {}
    dtype, shape, span = row.get("dtype"), row.get("shape"), row.get("data_offsets")
    whole = isinstance(shape, list) and isinstance(span, list) and len(span) == 2
    if (
        not isinstance(dtype, str)
        or dtype not in TYPES
        or not whole
        or not all(type(n) is int and n >= 0 for n in (*shape, *span))
    ):
        raise _refused(path, f"type, shape and place of {name!r}", repr(row)[:80])
    kind = np.dtype(TYPES[dtype])
    start, end = span
    if end > len(data) or end - start != math.prod(shape) * kind.itemsize:
        raise _refused(path, f"all bytes of {name!r}", f"{start} to {end} of {len(data)}")
    return np.frombuffer(data[start:end], kind).reshape(shape)


def _refused(path: Any, rule: str, got: str) -> ValueError:
    return ValueError(
        refusal(f"{os.fspath(path)}", rule, got, "It is no such file, or was cut off.")
    )
