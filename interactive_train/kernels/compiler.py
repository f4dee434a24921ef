"""From a kernel to the address of its native adapter.

numba turns the adapter's source into LLVM code, which it is told not to optimise; from there on
the way is short: make everything but the entry point internal, optimise, emit an object
file, keep it. The next start loads the object file and needs no numba at all,
which is what makes it quick. An object may refer to nothing but a few functions
of the C mathematics library; that is checked when it is made and again when it is loaded, since a
missing symbol would end the process.
"""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import linecache
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import binding

from interactive_train.kernels.aside import ENOUGH, Aside
from interactive_train.kernels.kernel import Kernel
from interactive_train.kernels.source import adapter_source
from interactive_train.kernels.store import (
    StoredObject,
    is_stored,
    load,
    save,
    stored_kernels,
)
from interactive_train.runtime.cache import cache_directory
from interactive_train.runtime.cpu import cpu_name
from interactive_train.runtime.notices import notice

# LLVM's intrinsics that may end as calls, by the C function; all others are instructions.
INTRINSICS = {
    name: name
    for name in (
        *("exp", "exp2", "exp10", "log", "log2", "log10", "pow", "sin", "cos", "tan", "tanh"),
        *("floor", "ceil", "trunc", "rint", "nearbyint", "round", "fma", "ldexp"),
    )
} | {"powi": "__powi"}
# What an object may call. Absent are the compiler's own helpers (`__powidf2`) and all of Python.
LIBRARY = {"pow", "floor", "ceil", "trunc", "rint", "round"}
LIBRARY |= {"fma", "memset", "memcpy", "memmove", "memset_pattern16"}

_lock = threading.RLock()
_addresses: dict[tuple[str, str, bool], int] = {}
Progress = Callable[[str], None]
Request = tuple[Kernel, np.dtype[np.generic], bool]


def _renew_lock() -> None:
    """Give a forked child a free lock; the thread that held it does not exist there."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def address(
    kernel: Kernel,
    dtype: np.dtype[np.generic],
    in_place: bool = False,
    progress: Progress | None = None,
) -> int:
    """Return the address of ``int64 entry(int64 *operands)`` for a kernel.

    It is loaded from the cache or compiled, once per process.

    Parameters
    ----------
    kernel : Kernel
    dtype : numpy.dtype
        float32 or float64.
    in_place : bool
        The variant whose first array read is the first array written.
    progress : callable, optional
        Called with the kernel's name before it is compiled; by default one notice is given.

    Raises
    ------
    RuntimeError
        If the kernel needs what this platform lacks.
    """
    key = (kernel.name, dtype.name, in_place)
    found = _addresses.get(key)
    if found is not None:
        return found
    with _lock:
        if key not in _addresses:
            source = adapter_source(kernel, dtype, in_place)
            _addresses[key] = native(symbol_of(kernel, dtype, in_place), source, progress)
        return _addresses[key]


def prepare(requests: Iterable[Request]) -> None:
    """Compile what is missing of many kernels, together with a second process.

    Parameters
    ----------
    requests : iterable of (kernel, dtype, in_place)
    """
    with _lock:
        missing = _missing(requests)
        if len(missing) >= ENOUGH and cache_directory() is not None:
            _announce(next(iter(missing)).removeprefix("it_"))
            for _ in _in_two(missing):
                pass


def ready(requests: Iterable[Request]) -> Iterator[str]:
    """Do the same, and yield the symbols of all that this process compiles."""
    with _lock:
        yield from _in_two(_missing(requests))


def _in_two(missing: Mapping[str, str]) -> Iterator[str]:
    """Compile adapters, from the first on, while a second process begins with the last."""
    global _aside
    aside = _aside if _aside is not None and _aside.works else Aside()
    aside.add(reversed(list(missing.items())))
    try:
        while (job := aside.take()) is not None:
            yield job[0]
            keep(*job)
    finally:
        aside.close()
        _aside = None


def keep(symbol: str, source: str) -> None:
    """Compile an adapter that is not stored, and store it."""
    if not is_stored(symbol, source):
        save(_compile(symbol, source), source)


def _missing(requests: Iterable[Request]) -> dict[str, str]:
    """Return the sources of adapters that are neither loaded nor stored, by symbol."""
    found: dict[str, str] = {}
    for kernel, dtype, in_place in dict.fromkeys(requests):
        if (kernel.name, dtype.name, in_place) not in _addresses:
            symbol = symbol_of(kernel, dtype, in_place)
            source = adapter_source(kernel, dtype, in_place)
            if not is_stored(symbol, source):
                found[symbol] = source
    return found


_aside: Aside | None = None  # what compiles the kernels of every step on a new machine


def _begin_first() -> None:
    """On a machine without any kernels, let a second process begin with those of every step."""
    global _aside
    if _aside is None and stored_kernels()[0] == 0:
        from interactive_train.kernels.catalogue import FIRST

        _aside = Aside()
        _aside.add(_missing(FIRST).items())


def symbol_of(kernel: Kernel, dtype: np.dtype[np.generic], in_place: bool = False) -> str:
    """Return the native name of an adapter."""
    return "_".join(("it", kernel.name, dtype.name) + (("in_place",) * in_place))


def native(symbol: str, source: str, progress: Progress | None = None) -> int:
    """Return the address of the `entry` of an adapter module under the given symbol."""
    with _lock:
        stored = load(symbol, source)
        if stored is None and _aside is not None and _aside.wait(symbol):
            stored = load(symbol, source)
        if stored is None:
            _begin_first()
            (progress or _announce)(symbol.removeprefix("it_"))
            stored = _compile(symbol, source)
            save(stored, source)
        return _link(stored)


def _announce(name: str) -> None:
    notice(
        f"compiling kernels for this machine, first {name} (once; "
        "`python -m interactive_train warm` compiles all of them)",
        once="compiling",
    )


def _compile(symbol: str, source: str) -> StoredObject:
    module = binding.parse_assembly(_llvm(symbol, source))
    for number, value in enumerate((*module.functions, *module.global_variables)):
        if not value.is_declaration and value.name != symbol:
            value.linkage, value.name = "internal", f"{symbol}_{number}"
    machine = _target_machine()
    options = binding.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = True
    foreign: list[str] = []
    for _ in range(2):  # an error that cannot happen sometimes vanishes at the second look only
        builder = binding.create_pass_builder(machine, options)
        builder.getModulePassManager().run(module, builder)
        needed = sorted({_library_name(f.name) for f in module.functions if f.is_declaration})
        foreign = [f for f in needed if f and not {f, f.removesuffix("f")} & LIBRARY]
        if not foreign:
            break
    if foreign:
        raise RuntimeError(
            f"kernel {symbol}: a kernel may call the mathematics library only; got {foreign}. "
            "It raises, allocates or uses an unsupported function."
        )
    return StoredObject(symbol, tuple(filter(None, needed)), machine.emit_object(module))


def _llvm(symbol: str, source: str) -> str:
    """Return the LLVM code that numba makes of an adapter module."""
    filename = f"<adapter {symbol}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    scope: dict[str, Any] = {"__name__": f"interactive_train_adapters.{symbol}"}
    with _as_generated():
        exec(compile(source, filename, "exec"), scope)
    entry = scope["entry"]
    loop = entry.native_name.removeprefix("cfunc.")
    return _taking_operands(entry.inspect_llvm(), symbol, loop, entry.native_name)


def _taking_operands(text: str, symbol: str, loop: str, caller: str) -> str:
    """Add the function that takes its operands from words, and say that arrays lie apart.

    No array that is written shares memory with another operand, which `Instruction` checks.
    The compiler has to know: it would ask at run time whether two arrays lie so close together that
    a vector of the one reaches into the other, and add numbers up in another order if so.

    Parameters
    ----------
    text : str
        LLVM code with the function `loop`, and with `caller`, which has its parameters.
    """
    (head,) = re.findall(rf"^define [^@]*@{re.escape(loop)}\(.*$", text, re.M)
    kinds: list[str] = re.findall(r"([\w*]+) %arg\.", head)
    text = text.replace(head, re.sub(r"(\*|ptr) %arg\.", r"\1 noalias %arg.", head))
    pointer = "i64*" if "i64*" in head else "ptr"  # before and since LLVM 16
    lines, given = [f"define i64 @{symbol}({pointer} %operands) {{"], []
    for place, kind in enumerate(kinds):
        lines += [
            f"%at{place} = getelementptr i64, {pointer} %operands, i64 {place}",
            f"%word{place} = load i64, {pointer} %at{place}",
            f"%array{place} = inttoptr i64 %word{place} to {pointer}",
        ]
        given.append(f"{kind} %{'word' if kind == 'i64' else 'array'}{place}")
    lines += [f"%code = call i64 @{caller}({', '.join(given)})", "ret i64 %code", "}"]
    return "\n".join([text, *lines, ""])


@contextlib.contextmanager
def _as_generated() -> Iterator[None]:
    """Let numba hand over the code that it generates as it is: it is optimised here, once.

    Machine code is not made of it either. Settings belong to the whole process; they change while
    no other thread compiles. Where numba has no such methods any more, it only takes longer.
    """
    from numba.core import compiler_lock, config, registry

    with compiler_lock.global_compiler_lock, contextlib.ExitStack() as after:
        codegen = registry.cpu_target.target_context.codegen()  # made with their settings
        level = type(config.OPT)(0)  # type: ignore[attr-defined]
        _set(config, after, DISABLE_JIT=0, LOOP_VECTORIZE=0, SLP_VECTORIZE=0, OPT=level)
        _set(codegen, after, _add_module=lambda module: None, set_env=lambda *_: None)
        yield


def _set(owner: Any, after: contextlib.ExitStack, **values: Any) -> None:
    """Set attributes until the end of a block."""
    for name, value in values.items():
        if name in vars(owner):
            after.callback(setattr, owner, name, vars(owner)[name])
        else:
            after.callback(delattr, owner, name)
        setattr(owner, name, value)


def _library_name(declared: str) -> str:
    """Return the C function behind a declaration, "" for one that is no call."""
    if not declared.startswith("llvm."):
        return declared
    _, operation, *kinds = declared.split(".")
    if operation not in INTRINSICS:
        return ""
    return INTRINSICS[operation] + ("f" if kinds and kinds[-1].endswith("32") else "")


def _link(stored: StoredObject) -> int:
    for name in stored.needs:
        if not _supplied(name):
            raise RuntimeError(f"kernel {stored.symbol}: this platform has no function {name!r}.")
    engine = _engine()
    engine.add_object_file(binding.ObjectFileRef.from_data(stored.code))
    engine.finalize_object()
    found = int(engine.get_function_address(stored.symbol))
    if not found:
        raise RuntimeError(f"kernel {stored.symbol}: the object file lacks its entry point.")
    return found


def _supplied(name: str) -> bool:
    """Whether the linker finds a C function; one of an unlinked libm is made known to it."""
    if binding.address_of_symbol(name):
        return True
    found = ctypes.util.find_library("m")
    if found is None or not {name, name.removesuffix("f")} & LIBRARY:
        return False
    try:
        function = getattr(ctypes.CDLL(found), name)
    except (OSError, AttributeError):
        return False
    binding.add_symbol(name, ctypes.cast(function, ctypes.c_void_p).value)
    return True


@lru_cache(maxsize=1)
def _target_machine() -> Any:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding.Target.from_default_triple().create_target_machine(
        cpu=cpu_name(),
        features=binding.get_host_cpu_features().flatten(),
        opt=3,
        codemodel="jitdefault",
        jit=True,
    )


@lru_cache(maxsize=1)
def _engine() -> Any:
    return binding.create_mcjit_compiler(binding.parse_assembly(""), _target_machine())
