"""Ask for memory before it is needed: a row that is worked on while the next one is on its way."""

from __future__ import annotations

import numba
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

# For reading, into the second level of cache, data.
_READ, _SECOND_LEVEL, _DATA = 0, 2, 1

# What one request brings.
LINE_BYTES = 64


@intrinsic
def _prefetch(typing_context, array, index):
    def generate(context, builder, signature, arguments):
        first = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(first, [arguments[1]]), ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
        function = builder.module.declare_intrinsic("llvm.prefetch", [place.type], kind)
        builder.call(function, [place, number(_READ), number(_SECOND_LEVEL), number(_DATA)])
        return context.get_dummy_value()

    return types.void(array, types.uintp), generate


def _without_compiling(array, index):
    """Kernels that are not compiled have no use for it."""


prefetch = _without_compiling if numba.config.DISABLE_JIT else _prefetch
