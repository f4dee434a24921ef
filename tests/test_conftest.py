"""A missing peer or tool: a skip on a person's machine, a failure under CI."""

from __future__ import annotations

import pytest

from tests.conftest import missing, require

absent = require("a_peer_that_nobody_has")  # collecting this file did not need it


def test_a_missing_peer_skips_on_a_persons_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"interactive-train\[oracles\]"):
        absent.tensor([1.0])


def test_a_missing_peer_fails_under_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="CI needs it: a_peer_that_nobody_has"):
        absent.tensor([1.0])


def test_a_missing_tool_is_treated_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "false")
    with pytest.raises(pytest.skip.Exception, match="no browser"):
        missing("no browser")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no browser"):
        missing("no browser")


def test_a_peer_that_is_there_is_the_module() -> None:
    assert require("math").sqrt(4.0) == 2.0
