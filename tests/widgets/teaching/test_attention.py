"""The attention view: weights of the chosen layer of a model, for one sequence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim
from interactive_train.nn.capture import capture
from interactive_train_widgets import AttentionView
from interactive_train_widgets.teaching.attention_weights import attention_weights
from tests.widgets.teaching.page import READY, eventually, heard, say

TEXT = "to be or not"
TOKENS = np.array([ord(c) for c in TEXT])


class Model(nn.Module):
    """Two blocks over characters, the second with shared keys and rotary positions."""

    def __init__(self) -> None:
        self.tokens = nn.Embedding(128, 16)
        self.blocks = [
            nn.TransformerBlock(16, 4, causal=True),
            nn.TransformerBlock(16, 2, causal=True, kv_heads=1, rope=True),
        ]
        self.out = nn.Linear(16, 128)

    def forward(self, x: Any) -> Any:
        h = self.tokens(x)
        for block in self.blocks:
            h = block(h)
        return self.out(h)


@pytest.fixture
def view() -> Iterator[AttentionView]:
    view = AttentionView(nn.init(Model(), seed=0), TOKENS, labels=list(TEXT))
    yield view
    view.close()


def test_every_layer_is_found_and_gives_its_own_weights(view: AttentionView) -> None:
    assert view.layers == ["blocks.0.attention", "blocks.1.attention"]
    model = nn.init(Model(), seed=0)
    passed = capture(model, TOKENS[None])
    for path, block in zip(view.layers, model.blocks, strict=True):
        expected = attention_weights(block.attention, passed[path].inputs[0])[0]
        np.testing.assert_allclose(view.weights(path), expected)
    with pytest.raises(ValueError, match="the layer is one that the model used"):
        view.weights("blocks.2.attention")


def test_a_layer_is_chosen_and_its_weights_are_sent(view: AttentionView) -> None:
    say(view, READY)
    say(view, {"kind": "choose", "id": "a", "name": "layer", "value": 1})
    eventually(lambda: heard(view, "frame") and heard(view, "frame")[-1]["data"]["layer"] == 1)
    frame = heard(view, "frame")[-1]
    assert frame["arrays"]["weights"] == {"at": 0, "shape": [2, 12, 12], "type": "u1"}
    buffers = [b for d, b in view.comm.log if d.get("content", {}).get("kind") == "frame"][-1]
    sent = np.frombuffer(buffers[0], np.uint8, 2 * 12 * 12).reshape(2, 12, 12)
    np.testing.assert_allclose(sent / 255, view.weights(), atol=0.5 / 255 + 1e-9)
    assert frame["data"]["causal"] is True
    assert frame["data"]["labels"] == list(TEXT)
    assert "2 heads, 12 queries by 12 keys, later keys hidden" in frame["text"]
    assert frame["table"]["rows"][0] == ["1", "t (0)", "t (0)", "100 %"]
    for value in (2, -1, 0.5, "0", False):
        say(view, {"kind": "choose", "id": "b", "name": "layer", "value": value})
    eventually(lambda: sum(len(t["tickets"]) for t in heard(view, "tickets")) == 5)


def test_weights_change_while_a_run_trains() -> None:
    trainer = it.Trainer(Model(), optim.Adam(1e-2), loss=losses.cross_entropy_sparse)
    x = np.tile(TOKENS, (4, 1))
    run = trainer.start(trainer.init(0), (x[:, :-1], x[:, 1:]), batch_size=4, epochs=5)
    view = AttentionView(run, TOKENS)
    before = AttentionView(trainer.init(0), TOKENS).weights()
    run.wait()
    assert not np.allclose(view.weights(), before, atol=1e-4)
    assert view.compute(run.view(), 600).head["labels"] == [str(token) for token in TOKENS]
    view.close()


@pytest.mark.parametrize(
    ("tokens", "labels", "rule"),
    [
        (TOKENS[None], None, "a sequence of 1 to 128 whole numbers"),
        (TOKENS.astype(float), None, "a sequence of 1 to 128 whole numbers"),
        (np.zeros(129, int), None, "a sequence of 1 to 128 whole numbers"),
        (TOKENS, ["a"], "one text for each of 12 tokens"),
    ],
)
def test_what_is_no_sequence_is_refused(tokens: Any, labels: Any, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        AttentionView(nn.init(Model(), seed=0), tokens, labels)


def test_a_model_without_attention_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the model has an nn.MultiHeadAttention; got Linear"):
        AttentionView(nn.init(nn.Linear(2, 2)), [1])
