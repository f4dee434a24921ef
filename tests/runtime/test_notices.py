"""Notices go to standard error, one line each, and once where that is asked."""

from __future__ import annotations

import sys

import pytest

from interactive_train.runtime import notices
from interactive_train.runtime.notices import notice


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "_seen", set())


def test_a_notice_is_one_line_with_the_projects_name(capsys: pytest.CaptureFixture[str]) -> None:
    notice("a fact.")
    notice("a fact.")
    assert capsys.readouterr() == ("", "interactive-train: a fact.\n" * 2)


def test_once_means_once_per_word(capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("first", "again"):
        notice(text, once="word")
    notice("other", once="another word")
    assert capsys.readouterr().err.splitlines() == [
        "interactive-train: first",
        "interactive-train: other",
    ]


def test_without_standard_error_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    notice("nobody reads this")
