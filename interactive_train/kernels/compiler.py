"""From a kernel to the address of its native adapter.

numba turns the adapter's source into LLVM code; from there on the way is short:
make everything but the entry point internal, optimise once more, emit an object
file, keep it. The next start loads the object file and needs no numba at all,
which is what makes it quick. An object may refer to nothing but a few functions
of the C mathematics library; that is checked when it is made and again when it is loaded, since a
missing symbol would end the process.
"""

from __future__ import annotations

import linecache
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import binding

from interactive_train.kernels.kernel import Kernel
from interactive_train.kernels.source import adapter_source
from interactive_train.kernels.store import StoredObject, load, save
from interactive_train.runtime.cpu import cpu_name
from interactive_train.runtime.notices import notice

# LLVM's names of the mathematical functions that end as calls into the C library.
INTRINSICS = {"exp": "exp", "log": "log", "pow": "pow", "tanh": "tanh"}
LIBRARY = {"exp", "log", "pow", "tanh", "erf", "memset", "memcpy", "memmove"}

_lock = threading.RLock()
_addresses: dict[tuple[str, str, bool], int] = {}
Progress = Callable[[str], None]


def address(
    kernel: Kernel,
    dtype: np.dtype[np.generic],
    in_place: bool = False,
    progress: Progress | None = None,
) -> int:
    """Return the address of ``int64 entry(int64 *operands)`` for a kernel.

    It is loaded from the cache or compiled, once per process.
    """
    key = (kernel.name, dtype.name, in_place)
    found = _addresses.get(key)
    if found is not None:
        return found
    with _lock:
        if key not in _addresses:
            symbol = "_".join(("it", kernel.name, dtype.name) + (("in_place",) * in_place))
            source = adapter_source(kernel, dtype, in_place)
            _addresses[key] = native(symbol, source, progress)
        return _addresses[key]


def native(symbol: str, source: str, progress: Progress | None = None) -> int:
    """Return the address of the `entry` of an adapter module under the given symbol."""
    with _lock:
        stored = load(symbol, source)
        if stored is None:
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
    filename = f"<adapter {symbol}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    scope: dict[str, Any] = {"__name__": f"interactive_train_adapters.{symbol}"}
    exec(compile(source, filename, "exec"), scope)
    entry = scope["entry"]
    module = binding.parse_assembly(entry.inspect_llvm())
    module.get_function(entry.native_name).name = symbol
    for value in (*module.functions, *module.global_variables):
        if not value.is_declaration and value.name != symbol:
            value.linkage = "internal"
    machine = _target_machine()
    options = binding.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = True
    builder = binding.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    needed = sorted({_library_name(f.name) for f in module.functions if f.is_declaration} - {""})
    foreign = [name for name in needed if not {name, name.removesuffix("f")} & LIBRARY]
    if foreign:
        raise RuntimeError(
            f"kernel {symbol}: a kernel may call the mathematics library only; got {foreign}. "
            "It raises, allocates or uses an unsupported function."
        )
    return StoredObject(symbol, tuple(needed), machine.emit_object(module))


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
        if not binding.address_of_symbol(name):
            raise RuntimeError(f"kernel {stored.symbol}: this platform has no function {name!r}.")
    engine = _engine()
    engine.add_object_file(binding.ObjectFileRef.from_data(stored.code))
    engine.finalize_object()
    found = int(engine.get_function_address(stored.symbol))
    if not found:
        raise RuntimeError(f"kernel {stored.symbol}: the object file lacks its entry point.")
    return found


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
