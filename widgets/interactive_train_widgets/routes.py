"""Which of a kernel's shells hears what a page says: the one that the page asks for.

ipykernel 7.4 overrules the page: it sends a comm's messages to the subshell whose message was
handled last when the kernel spoke on that comm. A publisher speaks from a thread of its own, and
the subshell in question may be that of a page that has just been reloaded or connected anew: it is
gone, and everything that the page says is dropped until a cell runs.
"""

from __future__ import annotations

from typing import Any


def follow_the_page(comm: Any) -> None:
    """Let a comm's messages go where the page sends them; nothing to do in other ipykernels."""
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda data, asked: asked
