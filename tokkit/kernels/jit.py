"""The two ways in which a kernel is compiled, said once."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit, types
from numba.core import event

Function = TypeVar("Function", bound=Callable[..., Any])

# Without numba's run time no kernel may make an array, and none counts references to those that it was given: that took
# longer than the work where a small step is a function, and most of the compiler's time.
_OPTIONS = {"nogil": True, "_nrt": False, "no_cfunc_wrapper": True}


def kernel(function: Function) -> Function:
    """Compile without the interpreter lock, and keep the machine code on disk."""
    return _compiled(function)


def inlined(function: Function) -> Function:
    """Compile into every caller: for the small steps of a hot loop, where a call costs as much as the work."""
    return _compiled(function, forceinline=True)


def folder_of(function: Callable[..., Any]) -> str | None:
    """Return the folder that keeps a kernel's machine code, or None where no folder can."""
    compiled: Any = function
    path: str | None = compiled.stats.cache_path
    return path


def _compiled(function: Function, **options: Any) -> Function:
    """Return a kernel that is compiled once for all numbers of a type that stand where it is called.

    For numba each is a type of its own: a kernel that is called with 0 here and with a variable there is compiled twice.
    """
    compiled: Any = njit(**options, **_OPTIONS)(function)
    try:
        compiled.enable_caching()
    except RuntimeError:  # neither beside the package nor for the user may a file be written, as in many a container
        _Compiling.often = "in each run, since no folder can keep them; NUMBA_CACHE_DIR can name one"
    template_of = compiled.get_call_template

    def call_template(arguments: Any, named: Any) -> Any:
        return template_of(
            tuple(map(types.unliteral, arguments)), {name: types.unliteral(each) for name, each in named.items()}
        )

    compiled.get_call_template = call_template
    checked: Function = compiled
    return checked


class _Compiling(event.Listener):  # type: ignore[misc]  # numba has no types
    """Log once that kernels are compiled, which takes seconds the first time, and compile without the garbage collector.

    It looks again and again through all that numba makes for a kernel: a fifth of the compiler's time. What is read from disk
    is no such event. Kernels that a kernel calls are compiled within its own event; numba lets one thread compile at a time.
    """

    often = "once on this machine"

    def __init__(self) -> None:
        self.depth = 0
        self.announced = False
        self.collects = False

    def on_start(self, event_: Any) -> None:
        if self.depth == 0:
            self.collects = gc.isenabled()
            gc.disable()
        self.depth += 1
        if not self.announced and event_.data["dispatcher"].py_func.__module__.startswith("tokkit."):
            self.announced = True
            logging.getLogger("tokkit").info("compiling kernels, %s: up to half a minute", self.often)

    def on_end(self, event_: Any) -> None:  # noqa: ARG002 - numba's signature
        self.depth -= 1
        if self.depth == 0 and self.collects:
            gc.enable()


event.register("numba:compile", _Compiling())
