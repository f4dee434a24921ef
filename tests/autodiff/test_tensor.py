"""A Tensor is an immutable value: what goes in, what comes out, what is refused."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from interactive_train.autodiff import OPERATIONS, Tensor, stop_gradient
from interactive_train.autodiff.ops.shape import concatenate, reshape, transpose
from interactive_train.autodiff.tensor import as_tensor


def test_nobody_can_write_into_it() -> None:
    source = np.array([1.0, 2.0])
    t = Tensor(source)
    source[0] = 9.0
    assert t.numpy().tolist() == [1.0, 2.0]
    for view in (t.numpy(), np.asarray(t), np.asarray(t, dtype=float)):
        with pytest.raises(ValueError, match="read-only"):
            view[0] = 5.0
    np.array(t)[0] = 5.0  # a copy
    t.__array__(np.float32)[0] = 5.0
    assert t.numpy().tolist() == [1.0, 2.0]
    with pytest.raises(TypeError, match="Tensor: is immutable; got an assignment"):
        t[0] = 5.0
    with pytest.raises(ValueError, match="copy=False"):
        t.__array__(np.float32, copy=False)


@pytest.mark.parametrize(
    "operation",
    [
        lambda a: reshape(a, (2, 2)),
        lambda a: reshape(a, a.shape),
        lambda a: transpose(a, (0,)),
        lambda a: concatenate([a]),
        lambda a: OPERATIONS["sum"](a, axis=()),
        lambda a: OPERATIONS["squeeze"](a),
        lambda a: OPERATIONS["broadcast_to"](a, (4,)),
        stop_gradient,
        Tensor,
    ],
)
def test_no_operation_hands_out_a_plain_arrays_own_memory(operation: Any) -> None:
    source = np.arange(4.0)
    result = operation(source)
    source[:] = -1
    assert result.numpy().reshape(-1).tolist() == [0.0, 1.0, 2.0, 3.0]


def test_in_place_arithmetic_of_an_array_with_a_tensor_is_refused() -> None:
    array = np.ones(2)
    with pytest.raises(TypeError, match=r"np\.add with out="):
        array += Tensor([1.0, 1.0])
    t = before = Tensor([1.0])
    t += 1.0
    assert (t.item(), before.item()) == (2.0, 1.0)


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (1.5, np.float64),
        ([1, 2], np.int64),
        (np.array([3], np.uint8), np.int64),
        (np.int32(3), np.int64),
        (True, np.bool_),
        (np.zeros((0, 3), np.float32), np.float32),
        (np.array([1.0, 2.0], ">f4"), np.float32),
        (np.array([7], ">i8"), np.int64),
        (np.ones((3, 4))[:, ::2], np.float64),
        (np.asfortranarray(np.ones((3, 4))), np.float64),
    ],
)
def test_elements_are_of_four_types(value: Any, dtype: Any) -> None:
    for t in (Tensor(value), as_tensor(value, "test")):
        assert t.dtype == dtype
        assert t.data.flags.c_contiguous
        assert t.data.dtype.isnative
        np.testing.assert_array_equal(t.numpy(), value)


@pytest.mark.parametrize(
    "value", [np.array([1], np.float16), [1j], ["a"], None, [[1], [2, 3]], object()]
)
def test_other_elements_are_refused(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        Tensor(value)
    with pytest.raises((TypeError, ValueError)):
        as_tensor(value, "here")


def test_foreign_byte_order_and_unaligned_memory_compute_right() -> None:
    big = np.array([1.0, 2.0], ">f8")
    packed = np.zeros(2, np.dtype([("a", "u1"), ("b", "f8")]))
    packed["b"] = [3.0, 4.0]
    assert (Tensor([1.0, 1.0]) * big + packed["b"]).numpy().tolist() == [4.0, 6.0]


def test_wrapping_needs_contiguous_memory() -> None:
    with pytest.raises(ValueError, match=r"Tensor\.wrap: the array is C-contiguous; got strides"):
        Tensor.wrap(np.ones((2, 3)).T)


def test_numbers_take_the_type_of_the_arrays() -> None:
    x = Tensor(np.ones(2, np.float32))
    number: Any
    for number in (2, 2.0, np.float64(2.0), np.float32(2), np.int64(2), [2.0, 2.0]):
        assert (x * number).dtype == np.float32
        assert (number * x).dtype == np.float32
    assert (x * True).dtype == np.float32
    assert (x * np.ones(2)).dtype == np.float64
    assert (x * (x > 0)).dtype == np.float32
    assert (Tensor([True]) + 1.0).dtype == np.float64


def test_integer_arithmetic_is_refused() -> None:
    with pytest.raises(
        TypeError, match="add: arithmetic needs floating arrays; got an array of int64"
    ):
        Tensor([1, 2]) + 1.0
    with pytest.raises(TypeError, match="sum: arithmetic needs floating"):
        np.sum(Tensor([1, 2]))
    assert Tensor([1, 2]).astype(np.float32).numpy().tolist() == [1.0, 2.0]


def test_a_scalar_is_a_python_number() -> None:
    assert (float(Tensor(2.5)), int(Tensor(2.5)), bool(Tensor([0.0]))) == (2.5, 2, False)
    assert [10, 20, 30][Tensor(1)] == 20
    with pytest.raises(TypeError, match="only an int64 scalar is an index"):
        [1, 2][Tensor(1.0)]
    with pytest.raises(ValueError, match=r"Tensor\.item: needs exactly one element"):
        bool(Tensor([1.0, 2.0]))
    with pytest.raises(TypeError, match="a scalar has no length"):
        len(Tensor(1.0))


def test_it_is_walked_row_by_row() -> None:
    assert [row.numpy().tolist() for row in Tensor([[1.0, 2.0], [3.0, 4.0]])] == [[1, 2], [3, 4]]


def test_copies_are_itself_and_pickles_are_refused() -> None:
    t = Tensor([1.0])
    assert copy.copy(t) is t
    assert copy.deepcopy({"t": t})["t"] is t
    with pytest.raises(TypeError, match="Tensor: is not pickled; save arrays"):
        pickle.dumps(t)


def test_its_repr_says_value_and_type() -> None:
    assert repr(Tensor([1.0, 2.0], np.float32)) == "Tensor([1., 2.], dtype=float32)"
    assert len(repr(Tensor(np.zeros(10**6)))) < 200


# NumPy's functions ------------------------------------------------------------------------------


def test_questions_are_answered() -> None:
    t = Tensor([1.0, np.nan])
    assert (np.shape(t), np.ndim(t), np.size(t)) == ((2,), 1, 2)
    assert np.isnan(t).tolist() == [False, True]
    assert np.isfinite(t).tolist() == [True, False]
    assert np.array_equal(Tensor([1.0]), np.array([1.0]))
    assert np.allclose([Tensor(1.0)], [1.0])
    assert np.isclose(Tensor(1.0), 1.0)


def test_functions_without_a_gradient_are_refused_with_the_way_out() -> None:
    t: Any = Tensor([1.0])
    call: Any
    for call, name in (
        (lambda: np.arctan2(t, t), r"np\.arctan2"),
        (lambda: np.median(t), r"np\.median"),
        (lambda: np.add.reduce(t), r"np\.add\.reduce"),
        (lambda: np.add(t, t, out=np.ones(1)), r"np\.add with out="),
    ):
        with pytest.raises(
            TypeError, match=rf"Tensor: .*no gradient here; got {name}.*\.numpy\(\)"
        ):
            call()


def test_an_option_that_is_not_there_is_named() -> None:
    with pytest.raises(TypeError, match=r"np\.var: .*; got ddof=\. Known: x, axis, keepdims"):
        np.var(Tensor([1.0, 2.0]), ddof=1)
    t: Any = Tensor([1.0, 5.0])
    assert np.clip(t, min=2.0, max=3.0).numpy().tolist() == [2.0, 3.0]


def test_wrong_arguments_say_where_rule_and_fix() -> None:
    x = Tensor(np.ones((2, 3)))
    for call, message in (
        (lambda: x + np.ones(4), r"add: shapes must broadcast; got \(2, 3\) and \(4,\)"),
        (lambda: x @ x, r"matmul: the last axis .* got \(2, 3\) and \(2, 3\)\. Check the order"),
        (lambda: x @ Tensor(1.0), "matmul: "),
        (
            lambda: np.ones((2, 3, 4)) @ Tensor(np.ones((3, 4, 5))),
            "matmul: all axes but the last two must broadcast",
        ),
        (lambda: x.reshape(4), r"reshape: the new shape must hold 6 elements; got \(4,\)"),
        (lambda: x.reshape(-1, -1), "reshape: "),
        (lambda: x.reshape(0, -1), "reshape: "),
        (lambda: x.sum(axis=2), r"sum: axes are distinct and lie in -2 \.\.\. 1; got 2"),
        (lambda: x.sum(axis=(0, 0)), "sum: axes are distinct"),
        (lambda: np.transpose(x, (0, 0)), r"transpose: axes must be an order of 0 \.\.\. 1"),
        (lambda: np.swapaxes(x, 0, 5), "swapaxes: axes are distinct"),
        (lambda: np.squeeze(x, 0), "squeeze: drops axes of extent 1; got axis 0"),
        (lambda: np.expand_dims(x, 7), "expand_dims: axes are distinct"),
        (lambda: np.broadcast_to(x, (3, 3)), r"broadcast_to: the shape must broadcast to \(3, 3\)"),
        (lambda: np.concatenate([x, x.T]), "concatenate: shapes must agree but for axis 0"),
        (lambda: OPERATIONS["concatenate"]([]), "concatenate: needs at least one array"),
        (lambda: np.max(Tensor(np.ones((0, 2))), axis=0), "max: needs at least one element"),
        (lambda: OPERATIONS["softmax"](x, axis=2), "softmax: axes are distinct"),
        (lambda: OPERATIONS["take"](x, [0], axis=1), "take: works along axis 0; got axis=1"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    for call, message in (
        (lambda: x.reshape(2.0, 3), r"reshape: extents are whole numbers; got \(2\.0, 3\)"),
        (lambda: x.sum(axis=0.5), r"sum: an axis is a whole number; got 0\.5"),
        (lambda: np.where(x, x, x), "where: the condition is a boolean array; got float64"),
        (lambda: x.astype(np.int64), "astype: converts to float32 or float64; got int64"),
        (lambda: x + "a", "add: "),
        (lambda: x + None, "add: needs an array of numbers; got NoneType"),
        (lambda: OPERATIONS["exp"](x, x), "exp: takes 1 arrays; got 2"),
    ):
        with pytest.raises(TypeError, match=message):
            call()
