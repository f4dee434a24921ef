"""The one form of every error message: where, the rule, what came, the fix.

``<where>: <rule>; got <what>. <the fix>`` - and a did-you-mean wherever a name
was looked up.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def refusal(where: str, rule: str, got: str, fix: str = "") -> str:
    """Compose an error message.

    Parameters
    ----------
    where : str
        The call that refuses, as the user wrote it (``"optim.SGD"``).
    rule : str
        What must hold.
    got : str
        What came instead.
    fix : str
        What to do; a full sentence.

    Returns
    -------
    str

    Examples
    --------
    >>> refusal("optim.SGD", "lr must be a number", "'fast'", "Give 0.1.")
    "optim.SGD: lr must be a number; got 'fast'. Give 0.1."
    """
    return f"{where}: {rule}; got {got}.{' ' + fix if fix else ''}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``'Did you mean "lr"? Known: ...'`` for a name that is not known.

    Examples
    --------
    >>> did_you_mean("momentun", ["lr", "momentum"])
    'Did you mean "momentum"? Known: lr, momentum.'
    """
    names = list(known)
    if not names:
        return "There are none here."
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    listed = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return (f'Did you mean "{close[0]}"? ' if close else "") + f"Known: {listed}."
