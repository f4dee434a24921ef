"""The results as text: one table of times and ratios, one of memory, the first steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.contenders import CONTENDERS
from benchmarks.workloads import WORKLOADS

TARGETS = {"tiny": 5.0, "mnist": 1.4, "wide": 1.0, "cnn": 2.0, "lstm": 1.3, "gpt": 2.0}
TARGET_MEAN, TARGET_SCAN = 2.0, ("tiny", 2.0)


def number(value: float | None) -> str:
    """Return a time or a size with about three digits, a dash for none."""
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows under a head; the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = []
    for row in (head, ["-" * width for width in widths], *rows):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def times(found: Mapping[str, Any]) -> str:
    """Return the table of microseconds a step; the bar is the ratio that is to be reached."""
    titles = [contender.title for contender in CONTENDERS.values()]
    head = ["us a step", *titles, "best peer/ours", "aim", "scan/ours", "of roofline"]
    rows = []
    for name, entry in found["workloads"].items():
        us = entry["us"]
        aim = f">= {TARGETS[name]:g}" if WORKLOADS[name].tuned else ""
        scan = us["jax_scan"] / us["ours"] if {"jax_scan", "ours"} <= us.keys() else None
        rows.append(
            [
                name,
                *(number(us.get(contender)) for contender in CONTENDERS),
                number(entry["ratio_to_best_peer"]),
                aim,
                number(scan),
                number(entry["roofline_fraction"]),
            ]
        )
    return table(head, rows)


def memory(found: Mapping[str, Any]) -> str:
    """Return the table of peak memory."""
    head = ["peak MB", *(contender.title for contender in CONTENDERS.values())]
    return table(
        head,
        [
            [name, *(number(entry["peak_mb"].get(contender)) for contender in CONTENDERS)]
            for name, entry in found["workloads"].items()
        ],
    )


def starts(found: Mapping[str, Any]) -> str:
    """Return the table of seconds to the first step."""
    head = ["first step, s", *(contender.title for contender in CONTENDERS.values())]
    return table(
        head,
        [
            [kind, *(number(seconds.get(contender)) for contender in CONTENDERS)]
            for kind, seconds in found["start_to_first_step_s"].items()
        ],
    )


def show(found: Mapping[str, Any]) -> None:
    """Print everything."""
    about = found["about"]
    machine, limits = about["machine"], about["roofline"]
    print(f"{machine['processor']}, {machine['cores']} cores; BLAS core {machine['blas']}")
    rates = [1e-9 * rate for rate in limits["bandwidth"].values()]
    print(
        f"sgemm {1e-9 * limits['flops']:.0f} GFLOP/s, "
        f"memory {rates[-1]:.0f} GB/s, in cache up to {max(rates):.0f} GB/s\n"
    )
    print(times(found))
    mean = about["geometric_mean"]
    tuned = [name for name in found["workloads"] if WORKLOADS[name].tuned]
    print(
        f"\ngeometric mean of best peer/ours over {', '.join(tuned) or 'nothing'}: "
        f"{number(mean)} (aim >= {TARGET_MEAN:g} over the six; "
        f"{TARGET_SCAN[0]} against jax scan >= {TARGET_SCAN[1]:g})\n"
    )
    print(memory(found))
    print()
    print(starts(found))
    for contender, reasons in about["absent"].items():
        for why in dict.fromkeys(reasons.values()):
            names = [name for name, reason in reasons.items() if reason == why]
            print(f"\n{CONTENDERS[contender].title} is not there for {', '.join(names)}: {why}")
    for name, notices in about["notices"].items():
        for contender, lines in notices.items():
            print(f"\n{CONTENDERS[contender].title} on {name} said: {' '.join(lines)}")
