"""The command line, in this process: what it prints, what it returns, what it refuses."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from pathlib import Path

import pytest

from interactive_train.cli import doctor, warm
from interactive_train.cli.common import common_fits
from interactive_train.cli.main import main
from interactive_train.kernels import catalogue
from interactive_train.kernels.compiler import Progress
from interactive_train.runtime import cache

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "file").touch()
    monkeypatch.setattr(cache, "candidates", lambda: [tmp_path / "file" / "x"])
    cache.cache_directory.cache_clear()
    yield
    cache.cache_directory.cache_clear()


def versions(monkeypatch: pytest.MonkeyPatch, **found: str | None) -> None:
    real = doctor.installed
    monkeypatch.setattr(doctor, "installed", lambda name: found.get(name, real(name)))


def test_help_names_the_commands(capsys: Captured) -> None:
    assert main([]) == 2
    out = capsys.readouterr().out
    assert all(word in out for word in ("doctor", "warm", "demo", "held-out"))
    for arguments in (["--help"], ["demo", "--help"], ["--version"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
    assert "interactive-train" in capsys.readouterr().out


def test_an_unknown_command_gets_a_did_you_mean(capsys: Captured) -> None:
    assert main(["docter"]) == 2
    assert capsys.readouterr().err == (
        "python -m interactive_train: needs a command; got 'docter'. "
        'Did you mean "doctor"? Known: doctor, warm, demo.\n'
    )


def test_options_that_make_no_sense_are_refused(capsys: Captured) -> None:
    for arguments in (["demo", "--epochs", "0"], ["demo", "--epochs", "x"], ["warm", "--what"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
    assert "must be 1 or more; got 0" in capsys.readouterr().err


def test_doctor_prints_an_aligned_table(capsys: Captured) -> None:
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    for title in ("Versions", "Processor", "Matrix products", "Kernels", "Live"):
        assert f"{title}\n" in out
    rows = [line for line in out.splitlines() if line.startswith("  ") and not line[2].isdigit()]
    assert len({len(row) - len(row[2:].split("  ", 1)[1].lstrip()) for row in rows}) == 1
    assert "native code" in out
    assert "ipykernel" in out


def test_doctor_finds_no_problem_where_all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    versions(monkeypatch, ipykernel="7.4.0", ipywidgets="8.1.9", anywidget="0.11.0")
    assert doctor.live_problems() == []
    versions(monkeypatch, ipykernel="6.31.0", ipywidgets="8.1.9", anywidget="0.11.0")
    assert doctor.live_problems() == []


@pytest.mark.parametrize(
    ("name", "version", "problem"),
    [
        ("ipykernel", "7.0.1", "stands still: pip install"),
        ("ipykernel", "6.28.0", "ipykernel 6.28.0 is too old"),
        ("ipywidgets", "7.8.1", "ipywidgets 7.8.1 is too old"),
        ("anywidget", "0.9.3", "loses early messages"),
    ],
)
def test_doctor_names_a_version_that_does_not_serve(
    name: str, version: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"ipykernel": "7.4.0", "ipywidgets": "8.1.9", "anywidget": "0.11.0"} | {name: version}
    versions(monkeypatch, **found)
    (text,) = doctor.live_problems()
    assert problem in text


def test_doctor_names_what_is_missing_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "installed", lambda name: None)
    (text,) = doctor.live_problems()
    assert text == (
        "the dashboard needs ipykernel, ipywidgets, anywidget: "
        'pip install "interactive-train[notebook]"'
    )
    assert "does not work here" in doctor.report()


@pytest.mark.usefixtures("no_cache")
def test_doctor_and_warm_say_where_nothing_can_be_kept(capsys: Captured) -> None:
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "none: compiled in memory" in out
    assert "Set XDG_CACHE_HOME" in out
    assert main(["warm"]) == 0
    assert "nothing to do: kernels cannot be kept here" in capsys.readouterr().out


def test_doctor_goes_on_without_the_library_for_products(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def missing() -> None:
        raise ImportError("no wheel")

    monkeypatch.setattr(doctor, "blas", missing)
    assert main(["doctor"]) == 0
    assert "the library for matrix products does not load: no wheel" in capsys.readouterr().out


def test_warm_counts_what_it_compiled_and_what_was_there(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    kept = [1]

    def compiles(progress: Progress) -> int:
        progress("one")
        kept[0] += 1
        return 1

    monkeypatch.setattr(warm, "requests", lambda: iter(()))
    monkeypatch.setattr(warm, "steps", lambda: iter([("one", compiles), ("two", lambda _: 2)]))
    monkeypatch.setattr("interactive_train.kernels.store.stored_kernels", lambda: (kept[0], 0))
    assert main(["warm"]) == 0
    out = capsys.readouterr().out
    assert "2 kernels are ready: 1 compiled, 1 were there; " in out
    assert "compiling kernels 2/2" in out


def test_warm_means_the_catalogue_for_both_types_and_the_executor() -> None:
    names = [name for name, _ in warm.steps()]
    fits = [name for name, _ in common_fits()]
    assert len(names) == 2 * len(list(catalogue.kernels())) + 1 + len(fits)
    assert names[-len(fits) :] == fits
    assert {"executor", "gemm float32", "gemm float64"} <= set(names)


def test_an_interrupted_command_ends_quietly(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def interrupted() -> Iterator[tuple[str, warm.Step]]:
        raise KeyboardInterrupt

    monkeypatch.setattr(warm, "steps", interrupted)
    assert main(["warm"]) == 130
    assert capsys.readouterr().err.endswith("stopped.\n")


def test_demo_calls_the_demo(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    from interactive_train.training import demo

    calls: list[dict[str, object]] = []
    monkeypatch.setattr(demo, "main", lambda **given: calls.append(given))
    assert main(["demo"]) == 0
    assert main(["demo", "--seed", "3", "--epochs", "2"]) == 0
    assert calls == [{"seed": 0, "epochs": demo.EPOCHS}, {"seed": 3, "epochs": 2}]

    def fails(**_: object) -> None:
        raise ImportError("datasets.digits: needs scikit-learn")

    monkeypatch.setattr(demo, "main", fails)
    assert main(["demo"]) == 1
    assert "needs scikit-learn" in capsys.readouterr().err


def test_the_version_is_that_of_the_distribution() -> None:
    from interactive_train.cli.main import release

    assert release() == importlib.metadata.version("interactive-train")
