"""The picture that a saved notebook keeps."""

from __future__ import annotations

import builtins
import math
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from interactive_train.training.records import commands
from interactive_train_widgets import plots, still
from interactive_train_widgets.frames import Composer
from tests.widgets.fake_run import FakeRun
from tests.widgets.test_curves import Branched, branch


def bundle(run: FakeRun) -> dict[str, str]:
    view = run.view()
    return still.bundle(view, *Composer([run], True).frame(view, 1000), "uid")


def test_it_shows_picture_values_and_interventions_in_at_most_60_kb() -> None:
    run = FakeRun(last_step=4000).run_to(1500)
    run.submit(commands.Adjust("lr", 3e-4))
    html = bundle(run.run_to(4000))["text/html"]
    assert len(html) <= 60_000
    assert 'src="data:image/png;base64,' in html
    assert 'alt="Loss and learning rate of digits: finished at step 4000' in html
    assert "<summary>Values</summary>" in html
    assert "<summary>Interventions</summary>" in html
    assert "lr: " in html
    assert "it-still-uid" in html


def test_names_and_messages_are_escaped() -> None:
    run = FakeRun("<script>alert(1)</script>").run_to(30)
    run.message = "<b>bad</b>"
    html = bundle(run)["text/html"]
    assert "<script>" not in html
    assert "&lt;b&gt;bad" in html


def test_a_run_without_points_has_words_only() -> None:
    html = bundle(FakeRun())["text/html"]
    assert "<img" not in html
    assert "digits: ready at step 0" in html


def test_without_matplotlib_the_table_remains(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    html = bundle(FakeRun().run_to(50))["text/html"]
    assert "<img" not in html
    assert "<summary>Values</summary>" in html


def test_pyplot_is_never_imported() -> None:
    bundle(FakeRun().run_to(50))
    assert "matplotlib.pyplot" not in sys.modules


def test_a_sentence_leaves_out_what_is_not_known() -> None:
    view = replace(FakeRun().view(), loss=math.nan)
    assert still.sentence(view) == "digits: ready at step 0"


def test_the_picture_shows_what_the_page_shows() -> None:
    main = branch("main", "", 0, 300, metrics=("validation_loss",))
    tail = branch("lower", "main", 100, 400, current=True)
    run = FakeRun("first").run_to(200)
    run.submit(commands.Adjust("lr", 3e-4))
    run.submit(commands.Freeze("layers.0"))
    first = Branched(run.run_to(400), main, tail)
    head, buffers = Composer([first, FakeRun("second").run_to(300)], True).frame(first.view(), 600)
    figure = Figure()
    plots.draw(figure, head, still.unpack(head, buffers))
    top, bottom = figure.axes
    legend = [str(line.get_label()) for line in top.get_legend_handles_labels()[0]]
    names = ["first", "second", "first validation", "first main", "first main validation"]
    assert legend == names
    lines = [line for line in top.lines if line.get_label() in legend]
    assert len({line.get_color() for line in lines}) == 4
    assert lines[3].get_color() == lines[4].get_color()
    assert [line.get_marker() != "None" for line in lines] == [False, False, True, False, True]
    for line in lines[3:]:  # from where the branch leaves the current line
        assert np.asarray(line.get_xdata())[0] == 100
    assert [text.get_text() for text in top.texts] == ["1–2"]
    assert (top.get_ylabel(), bottom.get_xlabel()) == ("loss (nats per example)", "step")
    assert bottom.get_ylabel() == "learning rate"
