"""The passes of numba that a kernel needs, out of some thirty that it has.

Kernels are typed loops without closures, lists or objects, so that what looks for those is left
out; it would take a fifth of the time. Imported by adapters when they are compiled.
"""

from __future__ import annotations

from typing import Any

from numba.core import typed_passes as typed
from numba.core import untyped_passes as untyped
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import PassManager

PASSES: tuple[Any, ...] = (
    untyped.TranslateByteCode,
    untyped.FixupArgs,
    untyped.IRProcessing,
    untyped.RewriteSemanticConstants,
    untyped.DeadBranchPrune,
    untyped.GenericRewrites,
    untyped.ReconstructSSA,
    typed.NopythonTypeInference,
    typed.PreLowerStripPhis,
    typed.IRLegalization,
    typed.AnnotateTypes,
    typed.NativeLowering,
    typed.NoPythonBackend,
)


class Pipeline(CompilerBase):
    """Compile with `PASSES`."""

    def define_pipelines(self) -> list[Any]:
        """Return the one way."""
        passes = PassManager("interactive-train")  # type: ignore[no-untyped-call]
        for each in PASSES:
            passes.add_pass(each, each.__name__)  # type: ignore[no-untyped-call]
        passes.finalize()  # type: ignore[no-untyped-call]
        return [passes]
