"""Bad input to data: where, the rule, what came, the fix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from interactive_train.data import Data, as_data, batches

X, Y = np.zeros((10, 2)), np.zeros(10, int)
TEN = Data.from_list(range(10))
STREAM = Data.from_iterable(iter([1]))

BAD: list[tuple[str, type[Exception], str]] = [
    (
        "batches(X, Y[:9])",
        ValueError,
        r"batches: the arrays must have equal first dimensions; got x with 10 rows and y with 9",
    ),
    ("batches(X, Y, Y[:3], batch_size=2)", ValueError, r"got x with 10 rows and array 3 with 3"),
    ("batches()", TypeError, r"batches: there must be an array; got none\. Give x, or x and y"),
    ("batches((X, Y))", TypeError, r"batches: x must be an array; got \(.*the arrays themselves"),
    ("batches({'x': X})", TypeError, r"batches: x must be an array; got \{"),
    ("batches(3.0)", TypeError, r"batches: x must be an array with rows; got 3\.0"),
    ("batches([[1], [2, 3]])", ValueError, r"batches: x must be an array of equal rows; got"),
    ("batches(np.array([None]))", TypeError, r"x must be an array with rows; got ndarray of obje"),
    ("batches(np.ma.zeros(3))", TypeError, r"x must be a plain array; got a masked one"),
    ("batches(X, batch_size=0)", ValueError, r"batches: batch_size must .* at least 1; got 0"),
    ("batches(X, batch_size=-3)", ValueError, r"batches: batch_size must .* at least 1; got -3"),
    ("batches(X, batch_size=2.0)", TypeError, r"batches: batch_size must be an integer .*got 2\.0"),
    ("batches(X, batch_size='8')", TypeError, r"batch_size must be an integer .*got '8'"),
    (
        "batches(X, batch_size=11)",
        ValueError,
        r"batch_size is at most the number of examples; got batch_size=11 for 10 of them, which "
        r"leaves no batch\. Give batch_size=10, or drop_last=False\.",
    ),
    ("batches(X, shuffle=True)", TypeError, r"batches, shuffle=: a seed is an integer.*got True"),
    ("batches(X, shuffle=1.5)", TypeError, r"batches, shuffle=: a seed is an integer.*got 1\.5"),
    ("batches(X, batch_size=2, drop_last=1)", TypeError, r"drop_last must be True or False; got 1"),
    ("Data(X)", TypeError, r"Data: a pipeline is made by a constructor; got an array.*from_arrays"),
    ("Data.from_list(3)", TypeError, r"Data\.from_list: data must be .*got 3"),
    ("Data.from_list('abc')", TypeError, r"Data\.from_list: data must be .*got 'abc'"),
    ("Data.from_list({'a': 1})", TypeError, r"Data\.from_list: data must be .*got \{'a': 1\}"),
    ("Data.from_fn(-1, str)", ValueError, r"Data\.from_fn: n must be .* at least 0; got -1"),
    ("Data.from_fn(3, 4)", TypeError, r"Data\.from_fn: f must be a function; got 4"),
    ("Data.repeat_value(1.5, 0)", TypeError, r"Data\.repeat_value: n must be an integer"),
    ("TEN.batch(0)", ValueError, r"Data\.batch: n must be an integer of at least 1; got 0"),
    ("TEN.batch(True)", TypeError, r"Data\.batch: n must be an integer .*got True"),
    ("TEN.batch(11, drop_last=True)", ValueError, r"n is at most .*got n=11 for 10 of them"),
    ("TEN.batch(2, collate='list')", TypeError, r"collate must be a function; got 'list'"),
    ("TEN.map(None)", TypeError, r"Data\.map: f must be a function; got None"),
    ("TEN.map(str, rng=7)", TypeError, r"Data\.map: rng must be True or False; got 7"),
    ("TEN.map(str, seed=None)", TypeError, r"Data\.map: a seed is an integer; got None"),
    ("TEN.map(str, seed=True)", TypeError, r"Data\.map, seed=: a seed is an integer.*got True"),
    ("TEN.map_batch(2, 3)", TypeError, r"Data\.map_batch: f must be a function; got 3"),
    ("TEN.fold(3, 0)", TypeError, r"Data\.fold: f must be a function; got 3"),
    ("TEN.shuffle(True)", TypeError, r"Data\.shuffle: a seed is an integer.*got True"),
    ("TEN.shuffle('a')", TypeError, r"Data\.shuffle: a seed is an integer.*got 'a'"),
    ("STREAM.shuffle(0)", ValueError, r"only data whose elements can be taken in any order.*list"),
    ("TEN.with_batch_size(2)", ValueError, r"Data\.with_batch_size: only a pipeline that batches"),
    ("TEN.batch(2).shuffle(0).with_batch_size(2)", ValueError, r"does not shuffle after that"),
    ("TEN.batch(2).with_batch_size(0)", ValueError, r"the batch size must be .* at least 1; got 0"),
    ("TEN.batch(2, True).with_batch_size(11)", ValueError, r"which leaves no batch"),
    ("TEN.prefetch(0)", ValueError, r"Data\.prefetch: n must be an integer of at least 1; got 0"),
    ("TEN.prefetch(1.0)", TypeError, r"Data\.prefetch: n must be an integer"),
    ("TEN.prefetch(True)", TypeError, r"Data\.prefetch: n must be an integer .*got True"),
    ("TEN.prefetch(2).shuffle(0)", ValueError, r"any order .*Shuffle before \.prefetch\(n\)"),
    ("TEN.prefetch(2).with_batch_size(2)", ValueError, r"only a pipeline that batches"),
    (
        "STREAM.batch(2).prefetch(2).with_batch_size(3)",
        ValueError,
        r"batches that were fetched ahead of a one-shot iterator keep their size; got Data\.from",
    ),
    ("TEN.iterate(-1)", ValueError, r"Data\.iterate: pass_index must .* at least 0; got -1"),
    ("TEN.iterate(0, 1.0)", TypeError, r"Data\.iterate: position must be an integer"),
    ("Data.from_list([[1], [1, 2]]).batch(2).to_list()", ValueError, r"have one shape; got \(1,\)"),
    ("Data.from_list([str, 1]).batch(2).to_list()", TypeError, r"elements stack if .*collate=list"),
    ("Data.from_list([(1, 2), 3]).batch(2).to_list()", ValueError, r"alike.*tuples of 2; got 3"),
    ("Data.from_list([{'a': 1}, {'b': 1}]).batch(2).to_list()", ValueError, r"alike.*dicts of 1"),
    ("Data.from_list([[[1], [1, 2]]]).batch(2).to_list()", TypeError, r"elements stack if"),
    ("as_data(None, 'trainer.fit')", TypeError, r"trainer\.fit: data must be arrays .*got None"),
    (
        "as_data({'x': X}, 'fit')",
        TypeError,
        r"fit: data must be arrays .*Use for example it\.batch",
    ),
    ("as_data('digits', 'fit')", TypeError, r"fit: data must be arrays .*got 'digits'"),
    ("as_data((X, Y[:3]), 'fit')", ValueError, r"fit: the arrays must have equal first dimensions"),
    ("as_data((X, 3), 'fit')", TypeError, r"fit: y must be an array with rows; got 3"),
    ("as_data(TEN, 'fit', batch_size=3)", TypeError, r"fit: batch_size and shuffle are for arrays"),
    ("as_data([1], 'fit', shuffle=3)", TypeError, r"are for arrays; got shuffle=3 with list"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD, ids=[case[0] for case in BAD])
def test_refuses_bad_input(call: str, error: type[Exception], message: str) -> None:
    names: dict[str, Any] = {"np": np, "Data": Data, "batches": batches, "as_data": as_data}
    with pytest.raises(error, match=message):
        eval(call, {**names, "X": X, "Y": Y, "TEN": TEN, "STREAM": STREAM})
