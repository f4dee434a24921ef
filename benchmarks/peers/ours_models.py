"""The workloads' models as users of this project write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import interactive_train as it
from benchmarks.workloads import (
    RATE,
    WEIGHT_DECAY,
    Cnn,
    Gpt,
    Mlp,
    Recurrent,
    ResNet,
    Shape,
    Workload,
)
from interactive_train import losses, nn, optim


def mlp(shape: Mlp) -> Any:
    activation = {"relu": nn.relu, "tanh": nn.tanh}[shape.activation]
    layers: list[Any] = []
    for before, behind in zip(shape.widths, shape.widths[1:], strict=False):
        layers += [nn.Linear(before, behind), activation]
    return nn.Sequential(*layers[:-1])


def cnn(shape: Cnn) -> Any:
    layers: list[Any] = []
    for before, behind in zip(shape.channels, shape.channels[1:], strict=False):
        layers += [nn.Conv2d(before, behind, 3, padding="same"), nn.relu, nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(shape.features, shape.classes))


def normed(before: int, behind: int) -> list[Any]:
    return [nn.Conv2d(before, behind, 3, padding="same"), nn.BatchNorm(behind)]


def over_pixels(x: Any) -> Any:
    return x.mean(axis=(2, 3))


def resnet(shape: ResNet) -> Any:
    layers: list[Any] = []
    for before, behind in zip(shape.channels, shape.channels[1:], strict=False):
        pair = nn.Sequential(*normed(behind, behind), nn.relu, *normed(behind, behind))
        layers += [*normed(before, behind), nn.relu, nn.Residual(pair), nn.relu, nn.MaxPool2d(2)]
    layers[-1] = over_pixels
    return nn.Sequential(*layers, nn.Linear(shape.channels[-1], shape.classes))


def recurrent(shape: Recurrent) -> Any:
    layer = {"lstm": nn.LSTM, "gru": nn.GRU}[shape.cell]
    layers = [
        nn.Embedding(shape.vocabulary, shape.embedding),
        layer(shape.embedding, shape.width),
        nn.Dropout(shape.dropout),
        nn.Linear(shape.width, shape.vocabulary),
    ]
    return nn.Sequential(*(layers if shape.dropout else layers[:2] + layers[3:]))


class GptModel(nn.Module):
    """Token and position embedding, blocks, norm, head."""

    def __init__(self, shape: Gpt) -> None:
        width = shape.width
        self.tokens = nn.Embedding(shape.vocabulary, width)
        self.positions: Any = nn.Parameter((shape.context, width), nn.initializers.zeros)
        block = nn.TransformerBlock
        blocks = (block(width, shape.heads, causal=True) for _ in range(shape.layers))
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, shape.vocabulary)

    def forward(self, *inputs: Any) -> Any:
        """Return the logits, shape (batch, context, vocabulary)."""
        (tokens,) = inputs
        return self.head(self.norm(self.blocks(self.tokens(tokens) + self.positions)))


BUILD: dict[type[Shape], Callable[[Any], Any]] = {
    Mlp: mlp,
    Cnn: cnn,
    ResNet: resnet,
    Recurrent: recurrent,
    Gpt: GptModel,
}


def trainer_of(workload: Workload) -> it.Trainer:
    """Return the trainer; the model is declared only."""
    rule: Any = optim.Adam(RATE)
    if workload.rule == "adamw":
        rule = optim.AdamW(RATE, weight_decay=WEIGHT_DECAY)
    model = BUILD[type(workload.shape)](workload.shape)
    return it.Trainer(model, rule, loss=losses.cross_entropy_sparse)
