"""The errors of tokkit, one tree: each names the culprit, the value found and the next move.

TokkitError
├── InputError              a file, option or value from the user is missing or malformed
│   ├── CorpusError         a document cannot be read: file, line and byte offset are known
│   └── FormatError         a vocabulary, tokens, counts or recipe file breaks its format
├── BaseNotFoundError       no place that tokkit knows has the base, or what it has is not the base
├── MismatchError           two inputs do not belong together: another pattern, base or rank file
├── SizeError               sizes that do not add up, with the arithmetic
├── LawError                a vocabulary breaks a law that the asked step needs
└── NotEnoughDataError      the counts support fewer tokens than were asked for

The command line prints `error: MESSAGE`, then `hint: HINT` where there is one, and exits with 2.
"""

from __future__ import annotations

from typing import Any


class TokkitError(Exception):
    """An expected failure: `message` names the culprit and the value found, `hint` the next move."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by attributes, not by the arguments of a constructor, so that every error comes whole from a process."""
        return type(self).__new__, (type(self), *self.args), vars(self)


class InputError(TokkitError):
    """A file, option or value from the user is missing or malformed."""


class CorpusError(InputError):
    """A document cannot be read; `path`, `line` (1-based) and `byte_offset` (0-based, decompressed) say where."""

    def __init__(
        self, reason: str, path: str, line: int | None = None, byte_offset: int | None = None, hint: str | None = None
    ) -> None:
        place = path if line is None else f"{path}: line {line}"
        if byte_offset is not None:
            place += f", byte {byte_offset}" if line is not None else f": byte {byte_offset}"
        super().__init__(f"{place}: {reason}", hint)
        self.reason = reason
        self.path = path
        self.line = line
        self.byte_offset = byte_offset

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by the arguments, so that the error comes back whole from a worker process."""
        return type(self), (self.reason, self.path, self.line, self.byte_offset, self.hint)


class FormatError(InputError):
    """A vocabulary, tokens, counts or recipe file breaks its format."""


class BaseNotFoundError(TokkitError):
    """No place that tokkit knows has the base, or what was found there is not the base."""


class MismatchError(TokkitError):
    """Two inputs do not belong together: another pattern, another base, another rank file."""


class SizeError(TokkitError):
    """Sizes that do not add up; the message carries the arithmetic."""


class LawError(TokkitError):
    """A vocabulary breaks a law that the asked step needs."""


class NotEnoughDataError(TokkitError):
    """The counts support fewer tokens than were asked for."""
