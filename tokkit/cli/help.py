"""What --help prints: the docstring as it is written, then every argument and option, 80 columns wide.

Typer's own layout changes from version to version and with the terminal; the README quotes this one.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import textwrap
from collections.abc import Sequence
from enum import Enum
from typing import Any, ClassVar

import typer

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
    """The command itself; its help lists the verbs, each with the first line of its docstring.

    A verb is loaded when it is named, and what it takes is worked out then: to do so for all of them takes longer than all
    else that is done before work begins.
    """

    verbs: ClassVar[Sequence[str]] = ()

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of the verbs."""
        return list(self.verbs)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - click's signature
        """Return a verb, None where there is none of that name."""
        if cmd_name in self.verbs and cmd_name not in self.commands:
            alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
            alone.command(cmd_name, cls=Verb)(_run_of(cmd_name))
            self.commands[cmd_name] = typer.main.get_command(alone)
        return self.commands.get(cmd_name)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the whole help page of the command."""
        formatter.write(f"Usage: {ctx.command_path} [OPTIONS] VERB ...\n\n")
        formatter.write(textwrap.fill(inspect.cleandoc(self.help or ""), WIDTH) + "\n")
        verbs = [(name, inspect.cleandoc(_run_of(name).__doc__ or "").split("\n")[0]) for name in self.verbs]
        _write_section(formatter, "Verbs", verbs)
        _write_section(formatter, "Options", [_option(each) for each in self.get_params(ctx)])

    def get_help_option(self, ctx: Any) -> Any:
        """Return `--help`, which is not wanted by default: of None typer would ask pydantic, which takes long to load."""
        option: Any = super().get_help_option(ctx)
        if option is not None:
            option.default = False
        return option

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the verb that the first word names, or fail with the nearest one."""
        if args[0] not in self.verbs and not args[0].startswith("-"):
            nearest = difflib.get_close_matches(args[0], self.verbs)
            ctx.fail(f"no such verb: {args[0]}" + (f"; did you mean {' or '.join(nearest)}?" if nearest else ""))
        return super().resolve_command(ctx, args)


def _run_of(verb: str) -> Any:
    return importlib.import_module(f"tokkit.cli.{verb}").run


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
