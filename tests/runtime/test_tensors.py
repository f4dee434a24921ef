"""Files of named arrays: by the format's description, every bit, and what is refused."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interactive_train.runtime.tensors import read_tensors, write_tensors

TYPES = ("?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8")


def by_hand(header: Any, data: bytes = b"") -> bytes:
    """Return a file as the format's description has it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def test_arrays_and_texts_come_back_to_the_bit(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    arrays = {
        f"{dtype}/{shape}": random.integers(0, 99, size=shape).astype(dtype)
        for dtype in TYPES
        for shape in ((), (0,), (3,), (2, 0, 4), (4, 5))
    }
    arrays["nan"] = np.array([np.nan, -0.0, np.inf, 5e-324])
    arrays["big endian"] = np.arange(3, dtype=">i4")
    arrays["strided"] = np.arange(12.0).reshape(3, 4)[::2, ::3]
    write_tensors(tmp_path / "a", arrays, {"note": "ü\n"})
    found, texts = read_tensors(tmp_path / "a")
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        assert found[name].shape == array.shape
        plain = np.asarray(array, array.dtype.newbyteorder("<"))
        assert (found[name].dtype, found[name].tobytes()) == (plain.dtype, plain.tobytes())
        assert not found[name].flags.writeable
    assert texts == {"note": "ü\n"}


def test_a_file_is_as_the_format_is_described(tmp_path: Path) -> None:
    write_tensors(tmp_path / "a", {"x": np.array([[1.0, 2.0]], np.float32)}, {"k": "v"})
    content = (tmp_path / "a").read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    assert (8 + length) % 8 == 0
    assert json.loads(content[8 : 8 + length]) == {
        "__metadata__": {"k": "v"},
        "x": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]},
    }
    assert content[8 + length :] == struct.pack("<2f", 1.0, 2.0)
    header = {"b": {"dtype": "I64", "shape": [1], "data_offsets": [4, 12]},
              "a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}  # fmt: skip
    (tmp_path / "b").write_bytes(by_hand(header, bytes([1, 2, 3, 4]) + struct.pack("<q", -7)))
    found, texts = read_tensors(tmp_path / "b")
    assert (found["a"].tolist(), found["b"].tolist(), texts) == ([1, 2, 3, 4], [-7], {})


X = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
BAD: list[bytes] = [
    b"", b"short", struct.pack("<Q", 2**63) + b"{}", struct.pack("<Q", 100) + b"{}",
    by_hand(b"not json"), by_hand([]), by_hand(b"[" * 50000),
    by_hand({"__metadata__": {"a": 1}}), by_hand({"__metadata__": []}),
    by_hand({"x": 1}), by_hand({"x": X}, bytes(7)),
    *(by_hand({"x": X | change}, bytes(8)) for change in (
        {"dtype": "O"}, {"dtype": ["F32"]}, {"shape": [3]}, {"shape": [-2]}, {"shape": "2"},
        {"shape": [True, 2]}, {"shape": [2.0]}, {"shape": [2**40, 2**40]},
        {"data_offsets": [8, 0]}, {"data_offsets": [-8, 0]}, {"data_offsets": [0]},
        {"data_offsets": [1, 9]})),
]  # fmt: skip


@pytest.mark.parametrize("content", BAD, ids=range(len(BAD)))
def test_what_is_no_such_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ValueError, match=r"It is no such file, or was cut off"):
        read_tensors(tmp_path / "a")


@given(st.binary(max_size=40), st.dictionaries(st.text(), st.none() | st.integers() | st.text()))
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, row: dict[str, Any]
) -> None:
    file = tmp_path_factory.getbasetemp() / "any"
    for content in (data, by_hand(data), by_hand({"x": X | row}, data)):
        file.write_bytes(content)
        try:
            read_tensors(file)
        except ValueError:
            continue


def test_what_stood_there_stays_when_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tensors(tmp_path / "a", {"x": np.ones(3)}, {})

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_tensors(tmp_path / "a", {"x": np.zeros(5)}, {})
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert read_tensors(tmp_path / "a")[0]["x"].tolist() == [1, 1, 1]
    with pytest.raises(TypeError, match="words is an array of numbers; got <U1"):
        write_tensors(tmp_path / "b", {"words": np.array(["a"])}, {})
