"""Eight bytes at once from a byte array: numba's own indexing loads them one by one.

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
    """Return `data[position:position + 8]` as a little-endian uint64."""
    if not (isinstance(data, types.Array) and data.dtype == types.uint8 and isinstance(position, types.Integer)):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        index = context.cast(builder, arguments[1], signature.args[1], types.intp)
        pointer = cgutils.gep_inbounds(builder, array.data, index)
        word = builder.bitcast(pointer, ir.IntType(64).as_pointer())
        return builder.load(word, align=1)

    return types.uint64(data, position), generate


if TYPE_CHECKING:

    def load_word(data: NDArray[np.uint8], position: int) -> np.uint64:
        """Return `data[position:position + 8]` as a little-endian word."""
        ...
else:
    load_word = intrinsic(_load_word)
