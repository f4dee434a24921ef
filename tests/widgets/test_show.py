"""What a cell shows of a run: its one dashboard, or for some seconds a plain picture."""

from __future__ import annotations

import pytest

import interactive_train_widgets as widgets
from interactive_train_widgets import still
from interactive_train_widgets.show import watch
from tests.widgets.fake_run import FakeRun


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The HTML of every picture that was drawn."""
    pages: list[str] = []

    class Output:
        def __init__(self, bundle: dict[str, str]) -> None:
            self.update(bundle)

        def update(self, bundle: dict[str, str]) -> None:
            pages.append(bundle["text/html"])

    monkeypatch.setattr(still, "DisplayCompanion", Output)
    return pages


def test_watching_draws_again_and_again_and_ends_with_the_run(shown: list[str]) -> None:
    run = FakeRun(last_step=90).run_to(30)
    watch(run, 60, sleep=lambda _: void(run.run_to(run.step + 30)))
    assert ["step 30" in shown[0], "step 60" in shown[1], "step 90" in shown[2]] == [True] * 3
    assert len(shown) == 3
    assert all("<img alt=" in page and "<table>" in page for page in shown)


def test_watching_ends_when_the_time_is_over_or_the_run_rests(shown: list[str]) -> None:
    run = FakeRun().run_to(30)
    watch(run, 0.0)
    assert len(shown) == 1
    run.status = "paused"
    watch(run, 60)
    assert len(shown) == 2


def test_the_display_hook_watches_when_it_is_given_a_time(shown: list[str]) -> None:
    assert widgets.display_run(FakeRun(last_step=20).run_to(20), seconds=5) is None
    assert len(shown) == 1


def void(_: object) -> None:
    return None
