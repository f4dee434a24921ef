"""TransformerBlock against PyTorch's, and a small character model that learns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim
from interactive_train.nn.context import Call, calling
from interactive_train.runtime.key import Key
from tests.conftest import require

torch = require("torch")


class CharTransformer(nn.Module):
    """Tokens and places, blocks, a norm, and the tokens' table once more."""

    def __init__(self, vocabulary: int, context: int, features: int, depth: int) -> None:
        self.tokens = nn.Embedding(vocabulary, features)
        self.places = nn.Embedding(context, features)
        self.blocks = [nn.TransformerBlock(features, 2, causal=True) for _ in range(depth)]
        self.norm = nn.LayerNorm(features)

    def forward(self, x: Any) -> Any:
        h = self.tokens(x) + self.places(np.arange(x.shape[1]))
        for block in self.blocks:
            h = block(h)
        return self.tokens.attend(self.norm(h))


@pytest.mark.oracle
@pytest.mark.parametrize("causal", [False, True])
def test_values_and_gradients_are_pytorchs(causal: bool) -> None:
    block = nn.init(nn.TransformerBlock(12, 3, causal=causal), seed=0, dtype=np.float64)
    theirs = torch.nn.TransformerEncoderLayer(
        12, 3, 48, 0.0, "gelu", batch_first=True, norm_first=True, dtype=torch.float64
    )
    rng = np.random.default_rng(0)
    names = {
        "self_attn.in_proj_weight": "attention.qkv.weight",
        "self_attn.in_proj_bias": "attention.qkv.bias",
        "self_attn.out_proj.weight": "attention.out.weight",
        "self_attn.out_proj.bias": "attention.out.bias",
        "linear1.weight": "widen.weight",
        "linear1.bias": "widen.bias",
        "linear2.weight": "narrow.weight",
        "linear2.bias": "narrow.bias",
        **{f"norm{n}.{part}": f"norm{n}.{part}" for n in (1, 2) for part in ("weight", "bias")},
    }
    parameters = dict(theirs.named_parameters())
    params, state = it.split(block)
    leaves = dict(it.tree.flatten_with_paths(params))
    assert set(names) == set(parameters)
    assert set(names.values()) == set(leaves)
    for name, path in names.items():
        leaves[path][...] = rng.normal(size=leaves[path].shape) * 0.3
        with torch.no_grad():
            parameters[name].copy_(torch.tensor(leaves[path].T.copy()))
    x, g = rng.normal(size=(2, 2, 5, 12))
    y, _ = block.apply(params, state, x)
    tensor = torch.tensor(x, requires_grad=True)
    mask = torch.ones(5, 5, dtype=torch.bool).triu(1) if causal else None
    want = theirs(tensor, src_mask=mask)
    want.backward(torch.tensor(g))
    np.testing.assert_allclose(y.numpy(), want.detach().numpy(), rtol=1e-9, atol=1e-11)
    grads, of_x = it.grad(lambda t: (block.apply(t[0], state, t[1])[0] * g).sum())((params, x))
    np.testing.assert_allclose(of_x.numpy(), tensor.grad.numpy(), rtol=1e-8, atol=1e-11)
    found = dict(it.tree.flatten_with_paths(grads))
    for name, path in names.items():
        np.testing.assert_allclose(
            found[path].numpy().T, parameters[name].grad.numpy(), rtol=1e-8, atol=1e-10
        )


def test_a_cache_goes_on_as_if_all_had_come_at_once() -> None:
    block = nn.init(
        nn.TransformerBlock(16, 4, causal=True, kv_heads=2, rope=True), dtype=np.float64
    )
    x = np.random.default_rng(0).normal(size=(2, 6, 16))
    first, cache = block(x[:, :4], nn.KVCache())
    found = [first.numpy()]
    for t in (4, 5):
        y, cache = block(x[:, t : t + 1], cache)
        found.append(y.numpy())
    np.testing.assert_allclose(np.concatenate(found, 1), block(x).numpy(), rtol=1e-10, atol=1e-12)


def test_a_character_model_learns_to_repeat() -> None:
    """After "abcabc..." the next character follows from the one before."""
    x = np.stack([(np.arange(9) + start) % 5 for start in range(5)])
    trainer = it.Trainer(
        CharTransformer(5, 8, 16, 2),
        optim.AdamW(1e-2),
        loss=lambda logits, y: losses.cross_entropy_sparse(logits.reshape(-1, 5), y.reshape(-1)),
    )
    state = trainer.init(seed=0)
    data = [(x[:, :8], x[:, 1:])]
    for _ in range(60):
        state = trainer.fit(state, data)
    logits = trainer.predict(state, x[:, :8])
    assert (np.asarray(logits).argmax(-1) == x[:, 1:]).all()


def test_without_dropout_there_are_no_layers_for_it() -> None:
    plain = nn.init(nn.TransformerBlock(8, 2))
    assert plain.dropout1 is None
    dropping = nn.init(nn.TransformerBlock(8, 2, dropout=0.5))
    x = np.random.default_rng(0).normal(size=(1, 3, 8)).astype(np.float32)
    np.testing.assert_array_equal(dropping(x).numpy(), plain(x).numpy())
    with calling(Call(True, Key.from_seed(0))):
        assert (dropping(it.Tensor(x)).numpy() != plain(it.Tensor(x)).numpy()).any()


def test_declarations_are_checked() -> None:
    with pytest.raises(ValueError, match=r"nn\.TransformerBlock: hidden is a positive integer"):
        nn.TransformerBlock(8, 2, hidden=0)
    with pytest.raises(ValueError, match="heads divides features"):
        nn.TransformerBlock(8, 3)
