"""The console entry: parse the command line, run one verb, map what happened to an exit code.

0 done, or every check holds; 1 finished, and the answer is no; 2 could not finish; 130 interrupted; a closed pipe is 0.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import typer

import tokkit
from tokkit.cli.help import Verbs
from tokkit.errors import TokkitError
from tokkit.render import data, streams, talk

VERBS = (
    "count",
    "select",
    "learn",
    "merge",
    "pad",
    "rename",
    "inspect",
    "show",
    "why",
    "diff",
    "verify",
    "audit",
    "report",
    "plan",
    "export",
    "build",
)
UsageError: type[Exception] = typer.BadParameter.__bases__[0]  # typer names it nowhere in public


class Tokkit(Verbs):
    """The command with its verbs."""

    verbs = VERBS


app = typer.Typer(
    name="tokkit",
    cls=Tokkit,
    add_completion=False,
    rich_markup_mode=None,  # help without rich loads in a third of the time
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        data.text(f"{tokkit.TOOL}\n")
        raise typer.Exit


@app.callback()
def tokkit_command(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
    traceback: Annotated[
        bool, typer.Option("--traceback", help="Show where an error was raised, for bug reports.")
    ] = False,
) -> None:
    """Build a tokenizer vocabulary from a proven base and your own corpus, and prove that it is right."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: the words after `tokkit`; those of the process by default.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    # Before the verb or after it: who sees an error just adds the word to the line.
    options = words[: words.index("--")] if "--" in words else words
    show_traceback = "--traceback" in options or os.environ.get("TOKKIT_TRACEBACK", "0") not in ("", "0")
    words = [word for word in options if word != "--traceback"] + words[len(options) :]
    streams.prepare()
    talk.follow_log(quiet=bool({"-q", "--quiet"} & set(words)))
    try:
        code = _run(words)
        streams.flush()
    except BaseException as error:  # noqa: BLE001 - whatever happens, one line and an exit code
        interrupt = _interrupt_before(error)
        if arguments is None and interrupt:
            # A second interrupt finds the process on its way out: 130 it is.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        if show_traceback and not isinstance(error, (UsageError, SystemExit)):
            talk.page("".join(traceback.format_exception(error)))
        code = _report(interrupt or error, words)
        streams.discard_unwritten()
    return code


def _interrupt_before(error: BaseException) -> KeyboardInterrupt | None:
    """Return the interrupt that an error is, or comes from: where a class is made, or a lock is held, others may follow it."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, KeyboardInterrupt):
        seen = seen.__cause__ or seen.__context__
    return seen


def _run(words: list[str]) -> int:
    command: Any = typer.main.get_command(app)
    try:
        # Not `command.main`: it turns a closed pipe into 1 and prints usage errors its own way.
        with command.make_context("tokkit", words) as context:
            if not words:  # help for the newcomer, but no success for a script that lost its verb
                talk.page(command.get_help(context))
                return 2
            command.invoke(context)
    except typer.Exit as stop:
        return stop.exit_code
    return 0


def _report(error: BaseException, words: Sequence[str]) -> int:
    """Say what went wrong in one line, with the next move where there is one, and return the exit code."""
    match error:
        case TokkitError():
            talk.error(error.message, error.hint)
        case KeyboardInterrupt() | typer.Abort():
            talk.error("interrupted")
            return 130
        case BrokenPipeError() if streams.stdout_is_closed():
            return 0
        case SystemExit():
            return error.code if isinstance(error.code, int) else 2
        case OSError():
            place = f"{error.filename}: " if error.filename else ""
            talk.error(f"{place}{error.strerror or error}")
        case MemoryError():
            talk.error("out of memory", "fewer --jobs, a smaller --sample or --max-bytes needs less")
        case UsageError():
            _usage(error, words)
        case _:
            talk.error(
                f"this is a defect of tokkit: {type(error).__name__}: {error}",
                "add --traceback and report what it prints",
            )
    return 2


def _value(error: Any, words: Sequence[str]) -> str:
    """Return the word that an option was given, as it stands on the command line."""
    names = getattr(getattr(error, "param", None), "opts", ())
    for place, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in names:
            return repr(value) if equals else repr("".join(words[place + 1 : place + 2]))
    return "it"


def _usage(error: Any, words: Sequence[str]) -> None:
    message = error.format_message().removesuffix(".").replace("Value error, ", "")
    # The checker of values names none: `Input should be a valid integer, unable to parse string as an integer`.
    message = message.replace("a valid integer, unable to parse string as an integer", "a whole number in digits")
    message = message.replace("a valid number, unable to parse string as a number", "a number")
    message = message.replace("Input should", f"{_value(error, words)} should")
    if getattr(error, "possibilities", None):  # an unknown option: name the nearest, not a list in brackets
        message = f"{error.message.removesuffix('.')}; did you mean {' or '.join(sorted(error.possibilities))}?"
    verb = next((word for word in words if word in VERBS), "")
    talk.error(message[:1].lower() + message[1:], f"tokkit {verb} --help" if verb else "tokkit --help")
