"""The workloads' models as PyTorch users write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from benchmarks.workloads import Cnn, Gpt, Mlp, Recurrent, ResNet, Shape


def mlp(shape: Mlp) -> Any:
    activation = {"relu": nn.ReLU, "tanh": nn.Tanh}[shape.activation]
    layers: list[Any] = []
    for before, behind in zip(shape.widths, shape.widths[1:], strict=False):
        layers += [nn.Linear(before, behind), activation()]
    return nn.Sequential(*layers[:-1])


def cnn(shape: Cnn) -> Any:
    layers: list[Any] = []
    for before, behind in zip(shape.channels, shape.channels[1:], strict=False):
        layers += [nn.Conv2d(before, behind, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(shape.features, shape.classes))


class ResidualPair(nn.Module):  # type: ignore[misc]
    """x + conv, batch norm, relu, conv, batch norm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.first_norm = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.second_norm = nn.BatchNorm2d(channels)

    def forward(self, x: Any) -> Any:
        h = functional.relu(self.first_norm(self.first(x)))
        return functional.relu(x + self.second_norm(self.second(h)))


def resnet(shape: ResNet) -> Any:
    layers: list[Any] = []
    for before, behind in zip(shape.channels, shape.channels[1:], strict=False):
        layers += [nn.Conv2d(before, behind, 3, padding=1), nn.BatchNorm2d(behind), nn.ReLU()]
        layers += [ResidualPair(behind), nn.MaxPool2d(2)]
    layers[-1] = nn.AdaptiveAvgPool2d(1)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(shape.channels[-1], shape.classes))


class TokenModel(nn.Module):  # type: ignore[misc]
    """Embedding, recurrent layer, dropout, head."""

    def __init__(self, shape: Recurrent) -> None:
        super().__init__()
        layer = {"lstm": nn.LSTM, "gru": nn.GRU}[shape.cell]
        self.embedding = nn.Embedding(shape.vocabulary, shape.embedding)
        self.cell = layer(shape.embedding, shape.width, batch_first=True)
        self.dropout = nn.Dropout(shape.dropout)
        self.head = nn.Linear(shape.width, shape.vocabulary)

    def forward(self, tokens: Any) -> Any:
        h, _ = self.cell(self.embedding(tokens))
        return self.head(self.dropout(h))


class Block(nn.Module):  # type: ignore[misc]
    """Pre-norm transformer block with causal attention."""

    def __init__(self, shape: Gpt) -> None:
        super().__init__()
        width = shape.width
        self.heads = shape.heads
        self.before_attention = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.before_mlp = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Any) -> Any:
        batch, length, width = x.shape
        qkv = self.qkv(self.before_attention(x)).view(batch, length, 3, self.heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        h = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(h.transpose(1, 2).reshape(batch, length, width))
        return x + self.mlp(self.before_mlp(x))


class GptModel(nn.Module):  # type: ignore[misc]
    """Token and position embedding, blocks, norm, head."""

    def __init__(self, shape: Gpt) -> None:
        super().__init__()
        self.tokens = nn.Embedding(shape.vocabulary, shape.width)
        self.positions = nn.Parameter(0.02 * torch.randn(shape.context, shape.width))
        self.blocks = nn.Sequential(*(Block(shape) for _ in range(shape.layers)))
        self.norm = nn.LayerNorm(shape.width)
        self.head = nn.Linear(shape.width, shape.vocabulary)

    def forward(self, tokens: Any) -> Any:
        return self.head(self.norm(self.blocks(self.tokens(tokens) + self.positions)))


BUILD: dict[type[Shape], Callable[[Any], Any]] = {
    Mlp: mlp,
    Cnn: cnn,
    ResNet: resnet,
    Recurrent: TokenModel,
    Gpt: GptModel,
}


def build(shape: Shape) -> Any:
    """Return the model, in training mode; images are channels-last, which is faster."""
    torch.manual_seed(0)
    return BUILD[type(shape)](shape).train().to(memory_format=torch.channels_last)


def tensor(array: Any) -> Any:
    """Return a batch's array in the layout that `build`'s models read."""
    found = torch.from_numpy(array.copy())
    return found.to(memory_format=torch.channels_last) if found.ndim == 4 else found
