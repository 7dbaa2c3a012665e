"""The two ways in which a kernel is compiled, said once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile without the interpreter lock, and keep the machine code on disk."""
    compiled: Function = njit(cache=True, nogil=True)(function)
    return compiled


def inlined(function: Function) -> Function:
    """Compile into every caller: for the small steps of a hot loop, where a call costs as much as the work."""
    compiled: Function = njit(cache=True, nogil=True, inline="always")(function)
    return compiled
