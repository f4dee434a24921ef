"""How an explained step looks: as aligned text, and as a table in a notebook.

The table is HTML and CSS alone, without a script; its colours are JupyterLab's variables, with
fallbacks that are readable on light and on dark.
"""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

from interactive_train.program.listing import shown

if TYPE_CHECKING:
    from interactive_train.training.recorded.explain import Call, Explanation

WIDEST_LAYER, WIDEST_OPERATION, WIDEST_SHAPES = 24, 34, 44


def si(value: float, unit: str = "") -> str:
    """Return a number in three digits with a prefix.

    Examples
    --------
    >>> si(235146), si(0.0000123, "s"), si(50, "B")
    ('235 k', '12.3 us', '50 B')
    """
    if not math.isfinite(value):
        return ""
    if value == 0:
        return f"0 {unit}".strip()
    for factor, prefix in (
        *((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1, "")),
        *((1e-3, "m"), (1e-6, "u"), (1e-9, "n")),
    ):
        if abs(value) >= 0.9995 * factor or prefix == "n":
            digits = max(0, 2 - math.floor(math.log10(max(value / factor, 1e-9) * 1.0005)))
            whole = unit in ("", "B") and factor == 1
            return f"{value / factor:.{0 if whole else min(digits, 2)}f} {prefix}{unit}".strip()
    raise AssertionError("unreachable")


def shapes(call: Call) -> str:
    """Return what a call reads and writes, as one piece of text."""
    return f"{shown(call.reads)} -> {shown(call.writes)}" if call.writes else ""


def heading(explanation: Explanation) -> list[str]:
    """Return what there is to say about the step as a whole, one fact per item."""
    e = explanation
    count = len(e.rows)
    facts = [
        f"step {e.step}: {count} calls in {e.phases} phases, "
        f"{e.shards} shard{'s' if e.shards > 1 else ''}",
        f"{si(e.flops, 'FLOP')}, arena {si(e.arena, 'B')}, estimated {si(e.estimated, 's')}",
    ]
    if math.isfinite(e.measured):
        threads = f"{e.threads} thread{'s' if e.threads > 1 else ''}"
        facts.append(
            f"measured {si(e.measured, 's')} on {threads}; its calls one by one {si(e.alone, 's')}"
        )
    return facts


def text(explanation: Explanation) -> str:
    """Return the listing as text in columns."""
    timed = any(math.isfinite(row.seconds) for row in explanation.rows)
    titles = ["#", "phase", "parts", "layer", "operation", "reads -> writes", "FLOP", "bytes"]
    titles += ["time", "share", "of peak"] if timed else []
    right = {0, 1, 2, 6, 7, 8, 9, 10}
    table = [titles]
    for row in explanation.rows:
        cells = [
            str(row.number),
            str(row.phase),
            str(row.parts),
            _cut(row.layer, WIDEST_LAYER),
            _cut(row.operation, WIDEST_OPERATION),
            _cut(shapes(row), WIDEST_SHAPES),
            si(row.flops),
            si(row.nbytes),
        ]
        if timed:
            cells += [si(row.seconds, "s"), _percent(row.share), _percent(row.roofline)]
        table.append(cells)
    widths = [max(len(line[column]) for line in table) for column in range(len(titles))]
    lines = [
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in table
    ]
    return "\n".join([*heading(explanation), "", *lines])


def _cut(words: str, width: int) -> str:
    return words if len(words) <= width else words[: width - 3] + "..."


def _percent(share: float) -> str:
    if not math.isfinite(share):
        return ""
    return f"{100 * share:.0f} %" if share >= 0.0995 else f"{100 * share:.1f} %"


# Twice the same class: more specific than what JupyterLab says of tables in outputs.
STYLE = """
.it-explain { color: var(--jp-content-font-color1, inherit); line-height: 1.35;
  font: 13px var(--jp-content-font-family, system-ui, sans-serif); }
.it-explain.it-explain p { margin: 0 0 8px; }
.it-explain .it-scroll { max-height: 640px; overflow: auto; }
.it-explain.it-explain table { border-collapse: collapse; table-layout: auto; border: 0; margin: 0;
  width: 100%; font: inherit; font-size: 12px; color: inherit; }
.it-explain.it-explain th, .it-explain.it-explain td { padding: 2px 14px 2px 0; text-align: left;
  border: 0; white-space: nowrap; vertical-align: middle; max-width: none; }
.it-explain.it-explain th { font-weight: 600; position: sticky; top: 0;
  background: var(--jp-layout-color0, Canvas);
  box-shadow: inset 0 -1px var(--jp-border-color1, rgba(128, 128, 128, .6)); }
.it-explain.it-explain tbody tr { background: none; }
.it-explain.it-explain tbody tr:hover { background: rgba(128, 128, 128, .15); }
.it-explain.it-explain tr.it-phase td { border-top: 1px solid rgba(128, 128, 128, .4); }
.it-explain.it-explain .it-n { text-align: right; font-variant-numeric: tabular-nums; }
.it-explain.it-explain .it-faint { color: var(--jp-content-font-color2, GrayText); }
.it-explain.it-explain .it-chart { width: 30%; min-width: 90px; padding-right: 2px; }
.it-explain .it-bar { display: block; height: 10px; min-width: 1px;
  background: rgba(128, 128, 128, .45); }
.it-explain .it-best { display: block; height: 10px;
  background: var(--jp-brand-color1, #1976d2); }
""".strip()


def html(explanation: Explanation) -> str:
    """Return the listing as a table; the longest bar is the call that takes most."""
    timed = any(math.isfinite(row.seconds) for row in explanation.rows)
    weights = [row.seconds if timed else float(row.nbytes) for row in explanation.rows]
    most = max((w for w in weights if math.isfinite(w)), default=0.0) or 1.0
    titles = [("layer", ""), ("operation", ""), ("reads → writes", "")]
    titles += [("FLOP", "it-n"), ("bytes", "it-n")]
    if timed:
        titles += [("time", "it-n"), ("share", "it-n"), ("of peak", "it-n")]
    head = "".join(f'<th class="{kind}">{name}</th>' for name, kind in titles)
    body = []
    before = -1
    for row, weight in zip(explanation.rows, weights, strict=True):
        kind = ' class="it-phase"' if row.phase != before and before >= 0 else ""
        before = row.phase
        cells = [
            f'<td class="it-n it-faint">{row.number}</td>',
            f"<td>{escape(_cut(row.layer, 32))}</td>",
            f'<td title="{escape(row.kernel)}">{escape(_cut(row.operation, 40))}</td>',
            f'<td class="it-faint">{escape(_pretty(row))}</td>',
            f'<td class="it-n">{si(row.flops)}</td>',
            f'<td class="it-n">{si(row.nbytes)}</td>',
        ]
        if timed:
            cells += [
                f'<td class="it-n">{si(row.seconds, "s").replace("us", "µs")}</td>',
                f'<td class="it-n">{_percent(row.share)}</td>',
                f'<td class="it-n">{_percent(row.roofline)}</td>',
            ]
        width = 100 * weight / most if math.isfinite(weight) else 0.0
        best = 100 * row.roofline if math.isfinite(row.roofline) else 0.0
        bar = f'<span class="it-best" style="width:{best:.1f}%"></span>'
        cells.append(
            f'<td class="it-chart"><span class="it-bar" style="width:{width:.1f}%">{bar}</span>'
            "</td>"
        )
        body.append(f"<tr{kind}>{''.join(cells)}</tr>")
    legend = "bars: time, filled as far as it would take at the machine's peak"
    lines = [*heading(explanation), legend if timed else "bars: bytes"]
    facts = "<br>".join(escape(line).replace(" us", " µs") for line in lines)
    return (
        f'<div class="it-explain"><style>{STYLE}</style><p>{facts}</p>'
        f'<div class="it-scroll"><table><thead><tr><th class="it-n">#</th>{head}'
        "<th></th></tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table></div></div>"
    )


def _pretty(call: Call) -> str:
    return _cut(shapes(call).replace("->", "→").replace("x", "×"), WIDEST_SHAPES)
