"""What --help prints: the docstring as it is written, then every argument and option, 80 columns wide.

Typer's own layout changes from version to version and with the terminal; the README quotes this one.
"""

from __future__ import annotations

import difflib
import inspect
import textwrap
from enum import Enum
from typing import Any

import typer.core

WIDTH = 80


class Verb(typer.core.TyperCommand):
    """One verb; its help is its docstring and its parameters."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the whole help page of the verb."""
        parameters: list[Any] = list(self.get_params(ctx))
        arguments = [each for each in parameters if each.param_type_name == "argument"]
        usage = " ".join([ctx.command_path, "[OPTIONS]", *(_metavar(each) for each in arguments)])
        formatter.write(f"Usage: {usage}\n\n{inspect.cleandoc(self.help or '')}\n")
        _write_section(formatter, "Arguments", [(_metavar(each), each.help or "") for each in arguments])
        options = [each for each in parameters if each.param_type_name == "option"]
        _write_section(formatter, "Options", [_option(each) for each in options])


class Verbs(typer.core.TyperGroup):
    """The command itself; its help lists the verbs, each with the first line of its docstring."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the whole help page of the command."""
        formatter.write(f"Usage: {ctx.command_path} [OPTIONS] VERB ...\n\n")
        formatter.write(textwrap.fill(inspect.cleandoc(self.help or ""), WIDTH) + "\n")
        verbs = [(name, inspect.cleandoc(verb.help or "").split("\n")[0]) for name, verb in self.commands.items()]
        _write_section(formatter, "Verbs", verbs)
        _write_section(formatter, "Options", [_option(each) for each in self.get_params(ctx)])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the verb that the first word names, or fail with the nearest one."""
        if args[0] not in self.commands and not args[0].startswith("-"):
            nearest = difflib.get_close_matches(args[0], self.commands)
            ctx.fail(f"no such verb: {args[0]}" + (f"; did you mean {' or '.join(nearest)}?" if nearest else ""))
        return super().resolve_command(ctx, args)


def _metavar(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _option(option: Any) -> tuple[str, str]:
    """Return an option's names with its metavar, and its help with what it is when it is not given."""
    names = ", ".join(sorted(option.opts, key=len))
    if option.is_flag:
        return names, option.help or ""
    default = option.default.value if isinstance(option.default, Enum) else option.default
    shown = "required" if option.required else f"default {default}" if default is not None else ""
    return f"{names} {option.metavar}", f"{option.help} [{shown}]" if shown else option.help or ""


def _write_section(formatter: Any, title: str, rows: list[tuple[str, str]]) -> None:
    if not rows:
        return
    column = max(len(name) for name, _ in rows) + 4
    formatter.write(f"\n{title}:\n")
    for name, text in rows:
        first, *rest = textwrap.wrap(text, WIDTH - column) or [""]
        formatter.write(f"  {name:<{column - 2}}{first}".rstrip() + "\n")
        for line in rest:
            formatter.write(" " * column + line + "\n")
