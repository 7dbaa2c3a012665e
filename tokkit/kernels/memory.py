"""What the processor can do and numba does not say: load eight bytes at once, count zero bits, prefetch.

No bounds are checked here, not even under NUMBA_BOUNDSCHECK=1, so the callers say why what they read is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def _load_word(typing_context: Any, data: Any, position: Any) -> Any:  # noqa: ARG001 - numba's signature for an intrinsic
    """Return the eight bytes from `data[position]` on as a little-endian uint64: of int32, two with the first one below."""
    if not (
        isinstance(data, types.Array)
        and data.dtype in (types.uint8, types.int32)
        and isinstance(position, types.Integer)
    ):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        index = context.cast(builder, arguments[1], signature.args[1], types.intp)
        pointer = cgutils.gep_inbounds(builder, array.data, index)
        word = builder.bitcast(pointer, ir.IntType(64).as_pointer())
        return builder.load(word, align=1)

    return types.uint64(data, position), generate


def _store_word(typing_context: Any, data: Any, position: Any, word: Any) -> Any:  # noqa: ARG001
    """Write a uint64 to `data[position:position + 8]`, little-endian."""
    if not (isinstance(data, types.Array) and data.dtype == types.uint8 and isinstance(position, types.Integer)):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        index = context.cast(builder, arguments[1], signature.args[1], types.intp)
        pointer = cgutils.gep_inbounds(builder, array.data, index)
        target = builder.bitcast(pointer, ir.IntType(64).as_pointer())
        builder.store(context.cast(builder, arguments[2], signature.args[2], types.uint64), target, align=1)
        return context.get_dummy_value()

    return types.none(data, position, word), generate


def _trailing_zeros(typing_context: Any, word: Any) -> Any:  # noqa: ARG001
    """Return the number of zero bits below the lowest one of a uint64; 64 for zero."""
    if not isinstance(word, types.Integer):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value = context.cast(builder, arguments[0], signature.args[0], types.uint64)
        return builder.cttz(value, ir.Constant(ir.IntType(1), 0))

    return types.int64(word), generate


def _swap_bytes(typing_context: Any, word: Any) -> Any:  # noqa: ARG001
    """Return a uint64 with its bytes in the opposite order: as numbers, words then compare as their bytes do."""
    if not isinstance(word, types.Integer):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bswap(context.cast(builder, arguments[0], signature.args[0], types.uint64))

    return types.uint64(word), generate


def _prefetch(typing_context: Any, data: Any, position: Any) -> Any:  # noqa: ARG001
    """Ask the processor to load the cache line of `data[position]`; a hint, which no address can make fail."""
    if not (isinstance(data, types.Array) and isinstance(position, types.Integer)):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        index = context.cast(builder, arguments[1], signature.args[1], types.intp)
        pointer = builder.bitcast(cgutils.gep_inbounds(builder, array.data, index), ir.IntType(8).as_pointer())
        int32 = ir.IntType(32)
        function_type = ir.FunctionType(ir.VoidType(), [pointer.type, int32, int32, int32])
        function = cgutils.get_or_insert_function(builder.module, function_type, "llvm.prefetch.p0")
        builder.call(function, [pointer, int32(0), int32(3), int32(1)])  # for reading, to stay in all caches, data
        return context.get_dummy_value()

    return types.none(data, position), generate


if TYPE_CHECKING:

    def load_word(data: NDArray[np.uint8], position: int) -> np.uint64:
        """Return `data[position:position + 8]` as a little-endian word."""
        ...

    def store_word(data: NDArray[np.uint8], position: int, word: np.uint64) -> None:
        """Write a word to `data[position:position + 8]`, little-endian."""
        ...

    def trailing_zeros(word: np.uint64) -> int:
        """Return the number of zero bits below the lowest one; 64 for zero."""
        ...

    def swap_bytes(word: np.uint64) -> np.uint64:
        """Return a word with its bytes in the opposite order."""
        ...

    def prefetch(data: NDArray[Any], position: int) -> None:
        """Ask the processor to load the cache line of `data[position]`."""
        ...
else:
    load_word = intrinsic(_load_word)
    store_word = intrinsic(_store_word)
    trailing_zeros = intrinsic(_trailing_zeros)
    swap_bytes = intrinsic(_swap_bytes)
    prefetch = intrinsic(_prefetch)
