"""The widgets with a comm that writes down what would go to the browser."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import comm
import pytest
from comm.base_comm import BaseComm

import interactive_train_widgets as widgets
from interactive_train import optim
from interactive_train.training.records import commands
from interactive_train_widgets import still
from interactive_train_widgets.base import LiveWidget
from interactive_train_widgets.readings import READ_ONLY
from tests.widgets.fake_run import FakeRun


class FakeComm(BaseComm):  # type: ignore[misc,unused-ignore]
    """Keeps (type, data, buffers) of every message."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.log: list[tuple[str, Any, Any]] = []
        super().__init__(*args, **kwargs)

    def publish_msg(
        self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **_: Any
    ) -> None:
        self.log.append((msg_type, data or {}, buffers))


@pytest.fixture(autouse=True)
def fake_comm(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = set(threading.enumerate())
    monkeypatch.setattr(comm, "create_comm", FakeComm)
    made: list[LiveWidget] = []
    original = LiveWidget.__init__

    def remember(self: LiveWidget, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        made.append(self)

    monkeypatch.setattr(LiveWidget, "__init__", remember)
    yield
    for widget in made:
        widget.close()
    assert not [t for t in set(threading.enumerate()) - before if "dashboard" in t.name]


def say(widget: LiveWidget, content: object) -> None:
    """Deliver a custom message as the kernel does."""
    widget._handle_msg(
        {"content": {"data": {"method": "custom", "content": content}}, "buffers": []}
    )


def heard(widget: LiveWidget, kind: str) -> list[Any]:
    custom = [data["content"] for _, data, _ in widget.comm.log if data.get("method") == "custom"]
    return [content for content in custom if content["kind"] == kind]


def eventually(condition: Any, seconds: float = 3.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen"
        time.sleep(0.005)


READY = {"kind": "ready", "view": "v", "rate": 10, "columns": 600}
PANELS = [
    widgets.Dashboard,
    widgets.LossCurve,
    widgets.SchedulePlot,
    widgets.MetricSummary,
    widgets.HyperparameterPanel,
    widgets.FreezePanel,
    widgets.RunControls,
]


@pytest.mark.parametrize("kind", PANELS)
def test_every_panel_stands_alone_and_answers_a_ready_view(kind: Any) -> None:
    widget = kind(FakeRun().run_to(30))
    say(widget, READY)
    eventually(lambda: heard(widget, "frame"))
    assert heard(widget, "frame")[0]["run"]["step"] == 30


def test_a_dashboard_is_one_comm_with_two_binary_buffers_a_frame() -> None:
    widget = widgets.Dashboard(FakeRun().run_to(30))
    say(widget, READY)
    eventually(lambda: heard(widget, "frame"))
    buffers = next(b for _, data, b in widget.comm.log if data.get("method") == "custom")
    assert [isinstance(buffer, memoryview) for buffer in buffers] == [True, True]


@pytest.mark.parametrize("kind", PANELS)
def test_a_misspelt_keyword_is_refused_with_the_right_one(kind: Any) -> None:
    with pytest.raises(TypeError, match=r'unknown keyword; got \'layuot\'. Did you mean "layout"'):
        kind(FakeRun(), layuot="lecture")


def test_an_unknown_layout_is_refused() -> None:
    with pytest.raises(ValueError, match=r'Did you mean "lecture"'):
        widgets.Dashboard(FakeRun(), layout="lectures")


def test_something_that_is_no_run_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Dashboard: it shows a run.*got str"):
        widgets.Dashboard("run")


def test_a_bad_message_is_answered_and_harms_nothing() -> None:
    widget = widgets.Dashboard(FakeRun().run_to(5))
    bad: list[object] = [None, 7, [], {"kind": "?"}]
    for content in [*bad, {"kind": "command", "id": "x", "verb": "explode"}]:
        say(widget, content)
    eventually(lambda: sum(len(m["tickets"]) for m in heard(widget, "tickets")) == 5)
    assert "explode" in heard(widget, "tickets")[-1]["tickets"][-1]["error"]
    say(widget, READY)
    eventually(lambda: heard(widget, "frame"))


def test_a_press_becomes_a_command_a_receipt_and_a_latency() -> None:
    run = FakeRun(pace=100, last_step=None).start()
    widget = widgets.Dashboard(run)
    say(widget, READY)
    press = {"kind": "command", "id": "k", "verb": "adjust", "name": "weight_decay", "value": 0.3}
    say(widget, press | {"gesture": "g", "pressed": time.time() * 1e3})
    eventually(lambda: heard(widget, "tickets"))
    (ticket,) = heard(widget, "tickets")[0]["tickets"]
    assert (ticket["id"], ticket["new"], ticket["error"]) == ("k", "0.3", None)
    assert isinstance(ticket["step"], int)
    assert len(widget.latencies) == 1
    assert -0.1 < widget.latencies[0] < 1
    run.join()


def test_live_data_never_travels_in_traits() -> None:
    run = FakeRun(pace=300, last_step=None).start()
    widget = widgets.Dashboard(run)
    opened = len(widget.comm.log)
    say(widget, READY)
    eventually(lambda: len(heard(widget, "frame")) >= 3)
    updates = [data for _, data, _ in widget.comm.log[opened:] if data.get("method") == "update"]
    assert {name for data in updates for name in data["state"]} <= set(READ_ONLY)  # none is a curve
    run.join()


def test_the_end_of_a_run_leaves_a_saved_frame_of_at_most_60_kb() -> None:
    widget = widgets.Dashboard(FakeRun(last_step=5000).run_to(5000))
    say(widget, READY)
    eventually(lambda: widget.saved)
    assert widget.saved[:4] == b"ITW1"
    assert len(widget.saved) <= 60_000


def test_more_epochs_after_the_end_wake_the_dashboard_again() -> None:
    run = FakeRun(last_step=50).run_to(50)
    widget = widgets.Dashboard(run)
    say(widget, READY)
    eventually(lambda: heard(widget, "frame"))
    say(widget, {"kind": "ack", "sequence": 1})
    eventually(lambda: not widget._publisher.alive)
    say(widget, {"kind": "command", "id": "m", "verb": "extend", "epochs": 1})
    eventually(lambda: heard(widget, "tickets"))
    run.run_to(60)
    eventually(lambda: heard(widget, "frame")[-1]["run"]["step"] == 60)


def test_a_report_callback_watches_a_blocking_fit_without_a_browser_that_answers() -> None:
    dashboard = widgets.Dashboard()
    for step in range(1, 40):
        dashboard(global_step=step, epoch=1, loss=1 / step, lr=0.1, metrics={})
        time.sleep(0.01)
    eventually(lambda: heard(dashboard, "frame"))
    frame = heard(dashboard, "frame")[-1]
    assert frame["watchOnly"]
    assert frame["run"]["step"] > 1


def test_a_dashboard_of_a_run_is_no_report_callback() -> None:
    with pytest.raises(TypeError, match="made without a run"):
        widgets.Dashboard(FakeRun())(global_step=1, epoch=1, loss=1.0)


def test_a_bare_optimiser_state_can_be_steered_from_a_panel() -> None:
    import numpy as np

    state = optim.setup(optim.SGD(0.1), {"w": np.ones(3)})
    panel = widgets.HyperparameterPanel(state)
    say(panel, READY)
    say(panel, {"kind": "command", "id": "q", "verb": "adjust", "name": "lr", "value": 0.25})
    eventually(lambda: heard(panel, "tickets"))
    assert state.w.knobs["lr"].effective(1) == 0.25


def test_pages_without_live_widgets_get_text_and_html() -> None:
    data, _ = widgets.Dashboard(FakeRun().run_to(30))._repr_mimebundle_() or ({}, {})
    assert "digits: running at step 30" in data["text/plain"]
    assert data["text/html"].startswith("<p>")
    assert "application/vnd.jupyter.widget-view+json" in data


def test_a_shown_run_has_one_dashboard_and_a_plain_output_that_is_updated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    updates: list[dict[str, str]] = []

    class Output:
        def __init__(self, bundle: dict[str, str]) -> None:
            updates.append(bundle)

        def update(self, bundle: dict[str, str]) -> None:
            updates.append(bundle)

    monkeypatch.setattr(still, "DisplayCompanion", Output)
    monkeypatch.setattr("IPython.display.display", lambda *args, **more: None)
    run = FakeRun(last_step=200).run_to(100)
    first = widgets.display_run(run)
    assert first is not None
    assert widgets.display_run(run) is first
    assert [u["text/plain"] for u in updates] == ["", ""]
    run.run_to(200)
    say(first, READY)
    eventually(lambda: len(updates) == 4)
    assert "<img" in updates[-1]["text/html"]
    assert widgets.display_run(run) is first
    assert "<img" in updates[-1]["text/html"]  # shown after the end: whole at once


def test_a_source_that_reports_changes_wakes_a_dashboard_that_has_ended() -> None:
    run = FakeRun(last_step=50).run_to(50)
    calls: list[Any] = []
    run.subscribe = calls.append  # type: ignore[attr-defined]
    widget = widgets.Dashboard(run)
    say(widget, READY)
    eventually(lambda: heard(widget, "frame"))
    say(widget, {"kind": "ack", "sequence": 1})
    eventually(lambda: not widget._publisher.alive)
    run.last_step = 80
    run.run_to(70)
    calls[0]()
    eventually(lambda: heard(widget, "frame")[-1]["run"]["step"] == 70)


def test_a_run_that_nobody_wants_any_more_takes_its_dashboard_with_it() -> None:
    run = FakeRun(last_step=50).run_to(20)
    closers: list[Any] = []

    def subscribe(listener: Any, closed: Any = None) -> None:
        closers.append(closed)

    run.subscribe = subscribe  # type: ignore[attr-defined]
    widget = widgets.Dashboard(run)
    say(widget, READY)
    eventually(lambda: heard(widget, "frame"))
    kept = widget.comm
    run.submit(commands.Stop())
    closers[0]()
    eventually(lambda: widget.comm is None)
    assert [kind for kind, _, _ in kept.log][-1] == "comm_close"
    assert widget.saved[:4] == b"ITW1"  # the picture of the end was kept first
    eventually(lambda: not widget._publisher.alive)


def test_closing_a_real_run_closes_its_dashboard_and_a_new_one_can_be_made() -> None:
    import numpy as np

    import interactive_train as it
    from interactive_train import losses, nn

    x = np.linspace(-1, 1, 8, dtype=np.float32).reshape(-1, 1)
    trainer = it.Trainer(nn.Linear(1, 1), optim.SGD(0.1), loss=losses.mse)
    run = trainer.start(trainer.init(0), (x, 3 * x), batch_size=8, pace=50)
    widget = widgets.Dashboard(run)
    say(widget, READY)
    eventually(lambda: heard(widget, "frame"))
    run.close()
    eventually(lambda: widget.comm is None)
    again = widgets.Dashboard(run)
    say(again, READY)
    eventually(lambda: heard(again, "frame"))
    assert heard(again, "frame")[0]["run"]["status"] == "stopped"
