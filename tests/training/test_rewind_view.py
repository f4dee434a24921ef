"""What a front end is told of time: branches without empty ones, rows that still stand."""

from __future__ import annotations

from tests.training.test_rewind import forward, kept_going


def test_a_branch_takes_the_place_of_one_that_going_back_began_and_rows_know_where_they_led() -> (
    None
):
    run, _ = kept_going()
    forward(run, 10)
    run.adjust(lr=0.02).wait(10)
    run.snapshot("here").wait(10)
    forward(run, 10)
    assert run.view().standing is None  # every row
    run.adjust(lr=0.03).wait(10)
    forward(run, 2)
    run.rewind("here").wait(10)
    run.branch("calm").wait(10)
    assert [b.name for b in run.branches] == ["main", "calm"]
    run.adjust(lr=0.001).wait(10)
    standing = run.view().standing
    assert standing is not None
    led = {e.new for e in run.journal if e.kind == "adjust" and e.sequence in standing}
    assert led == {"0.02", "0.001"}
