"""Flow control: nothing before ready, at most three frames in flight, a probe after silence."""

from __future__ import annotations

import math

from interactive_train_widgets.flow import (
    BLIND_RATE,
    HEARTBEAT,
    IN_FLIGHT,
    MAX_RATE,
    PROBE,
    SLOWEST,
    Flow,
)


def test_nothing_leaves_before_a_view_is_ready() -> None:
    flow = Flow()
    assert math.isinf(flow.wait(1e9))
    flow.ready("a", 10, 600)
    assert flow.wait(0.0) == 0.0
    assert flow.fresh


def test_frames_keep_the_distance_that_the_rate_asks_for() -> None:
    flow = Flow()
    flow.ready("a", 10, 600)
    flow.sent(5.0)
    flow.acknowledged(1)
    assert math.isclose(flow.wait(5.04), 0.06)
    assert flow.wait(5.1) == 0.0


def test_never_more_than_three_frames_are_in_flight() -> None:
    flow = Flow()
    flow.ready("a", 30, 600)
    now, sent = 0.0, 0
    while now < PROBE - 1:
        if flow.wait(now) == 0.0:
            flow.sent(now)
            sent += 1
        assert flow.in_flight <= IN_FLIGHT
        now += 0.01
    assert sent == IN_FLIGHT


def test_after_silence_one_frame_probes_and_counts_the_old_ones_as_lost() -> None:
    flow = Flow()
    flow.ready("a", 30, 600)
    for i in range(IN_FLIGHT):
        flow.sent(i * 0.1)
    assert flow.wait(0.2 + PROBE) == 0.0
    flow.sent(0.2 + PROBE)
    assert flow.in_flight == 1


def test_an_acknowledgement_settles_all_earlier_frames() -> None:
    flow = Flow()
    flow.ready("a", 30, 600)
    for i in range(3):
        flow.sent(i * 0.1)
    flow.acknowledged(2)
    assert flow.in_flight == 1
    flow.acknowledged(2)
    assert flow.in_flight == 1
    flow.acknowledged(99)
    assert flow.in_flight == 0


def test_a_view_that_comes_back_gets_a_frame_at_once() -> None:
    flow = Flow()
    flow.ready("a", 10, 600)
    for i in range(3):
        flow.sent(i * 0.1)
    flow.ready("a", 10, 600)
    assert (flow.in_flight, flow.wait(0.21)) == (0, 0.0)


def test_the_liveliest_and_the_widest_view_decide_within_bounds() -> None:
    flow = Flow()
    flow.ready("a", 2, 300)
    flow.ready("b", 1000, 9000)
    assert (flow.rate, flow.columns) == (MAX_RATE, 2000)
    flow.gone("b")
    assert (flow.rate, flow.columns) == (2, 300)
    flow.gone("a")
    assert not flow.open


def test_a_heartbeat_comes_after_silence_and_only_to_somebody() -> None:
    flow = Flow()
    assert not flow.beat(1e6)
    flow.ready("a", 10, 600)
    assert flow.beat(100.0)
    assert not flow.beat(100.0 + HEARTBEAT / 2)
    assert flow.beat(100.0 + HEARTBEAT)


def test_a_blind_flow_needs_neither_ready_nor_acknowledgement() -> None:
    flow = Flow(blind=True)
    now, sent = 0.0, 0
    while now < 10:
        if flow.wait(now) == 0.0:
            flow.sent(now)
            sent += 1
        now += 0.01
    assert abs(sent - 10 * BLIND_RATE) <= 2


def test_a_dear_frame_comes_less_often_but_twice_a_second_at_least() -> None:
    flow = Flow()
    flow.ready("a", 10, 600)
    for _ in range(50):
        flow.spent(0.003)
    flow.sent(0.0)
    assert math.isclose(flow.wait(0.0), 0.2, rel_tol=0.01)
    for _ in range(50):
        flow.spent(1.0)
    assert flow.wait(0.0) == SLOWEST


def test_a_dear_frame_takes_half_a_core_at_most_while_nothing_trains() -> None:
    flow = Flow(slowest=4.0)
    flow.ready("a", 10, 600)
    for _ in range(50):
        flow.spent(0.04)
    flow.sent(0.0)
    assert math.isclose(flow.wait(0.0), 0.04 / 0.015, rel_tol=0.01)
    flow.resting = True
    assert math.isclose(flow.wait(0.0), 0.1)
    for _ in range(50):
        flow.spent(0.3)
    assert math.isclose(flow.wait(0.0), 0.6, rel_tol=0.01)


def test_a_picture_that_stands_for_a_while_does_so_only_while_something_trains() -> None:
    flow = Flow(hold=1.0)
    flow.ready("a", 10, 600)
    flow.sent(0.0)
    assert flow.wait(0.0) == 1.0
    flow.asked = True
    assert math.isclose(flow.wait(0.0), 0.1)
    flow.asked, flow.resting = False, True
    assert math.isclose(flow.wait(0.0), 0.1)


def test_sections_are_those_that_any_view_shows() -> None:
    flow = Flow()
    flow.ready("a", 10, 600, ("layers",))
    flow.ready("b", 10, 600)
    assert flow.sections == {"layers"}
    flow.adapt("a", 10, 600)
    assert flow.sections == frozenset()


def test_a_frame_carries_the_windows_of_two_views_at_most() -> None:
    flow = Flow()
    for view, window in (("a", (0.0, 5.0)), ("b", None), ("c", (2.0, 5.0)), ("d", (0.0, 5.0))):
        flow.ready(view, 10, 600, window=window)
    assert flow.windows == ((0.0, 5.0), (2.0, 5.0))
    flow.adapt("e", 10, 600, window=(7.0, 8.0))
    assert flow.windows == ((2.0, 5.0), (7.0, 8.0))
    for view in "acde":
        flow.gone(view)
    assert not flow.windows


def test_views_that_never_said_goodbye_are_forgotten_when_many_came_after_them() -> None:
    flow = Flow()
    flow.ready("first", 30, 2000, ("layers",))
    for number in range(1000):
        flow.ready(f"reload {number}", 10, 600)
        flow.adapt("here", 10, 700)
    assert len(flow.views) <= 16
    assert "here" in flow.views
    assert (flow.rate, flow.columns, flow.sections) == (10, 700, frozenset())
