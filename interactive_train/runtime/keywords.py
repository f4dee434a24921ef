"""A misspelt keyword is answered with the one that was meant.

Python's own message names the unknown keyword only; these checks run before the call is
made and add the known ones.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar

from interactive_train.runtime.errors import did_you_mean, refusal

P = ParamSpec("P")
R = TypeVar("R")


@lru_cache(maxsize=256)
def keywords_of(function: Callable[..., Any]) -> tuple[str, ...] | None:
    """Return the keywords that a function takes, None if it takes any."""
    parameters = list(inspect.signature(function).parameters.values())
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return tuple(p.name for p in parameters if p.kind in kinds and p.name != "self")


def check_keywords(function: Callable[..., Any], given: Iterable[str], where: str) -> None:
    """Refuse a keyword that a function does not take.

    Raises
    ------
    TypeError
        With a did-you-mean.

    Examples
    --------
    >>> check_keywords(lambda lr, momentum: None, ["momentun"], "optim.SGD")
    Traceback (most recent call last):
        ...
    TypeError: optim.SGD: a keyword that it takes; got 'momentun'. \
Did you mean "momentum"? Known: lr, momentum.
    """
    known = keywords_of(function)
    if known is None:
        return
    for name in given:
        if name not in known:
            raise TypeError(
                refusal(where, "a keyword that it takes", repr(name), did_you_mean(name, known))
            )


def suggests(where: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function answer a misspelt keyword with the one that was meant.

    Examples
    --------
    >>> @suggests("f")
    ... def f(*, size=1):
    ...     return size
    >>> f(size=3)
    3
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
            check_keywords(function, kwargs, where)
            return function(*args, **kwargs)

        return wrapped

    return decorate
