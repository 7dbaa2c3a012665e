"""Print what a recipe will do, does, and came to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokkit.render import data, findings, report, summary, talk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokkit.recipe_build import Build
    from tokkit.recipe_cache import Step
    from tokkit.recipe_plan import Plan

WIDTH = 10


def show_plan(plan: Plan, output: str, *, as_json: bool) -> None:
    """Write a plan to stdout, as lines or as one JSON document."""
    if as_json:
        data.document(
            {
                "name": plan.name,
                "steps": [{"step": step, "plan": line} for step, line in plan.steps],
                "n_vocab": plan.n_vocab,
                "notes": list(plan.notes),
                "output": output,
            }
        )
        return
    lines = [*plan.steps, *(("note", note) for note in plan.notes), ("output", output)]
    data.text("".join(talk.one_line(_line(name, line)) + "\n" for name, line in lines))


def tell_step(step: Step, *, quiet: bool) -> None:
    """Say on stderr what a step came to, and whether it was taken from an earlier build."""
    kept = "  (unchanged, from the cache)" if step.cached else ""
    talk.note(_line(step.name, f"{step.detail}{kept}"), quiet=quiet)


def show(build: Build, output: str | None, names: Sequence[str], *, as_json: bool, quiet: bool) -> None:
    """Write what a build came to: its compression on stdout, or all of it as one JSON document.

    Args:
        build: the build.
        output: the release directory; None where a law is broken and nothing was released.
        names: its files.
        as_json: one JSON document.
        quiet: nothing on stderr, which has notes and where the release lies.
    """
    if as_json:
        data.document(
            {
                "vocabulary": summary.of_vocabulary(build.vocabulary),
                "arithmetic": build.arithmetic,
                "notes": list(build.notes),
                "steps": [vars(step) for step in build.steps],
                "findings": [vars(finding) for finding in build.findings],
                "output": output,
                "files": list(names),
            }
        )
        return
    if build.report is None:
        findings.show(build.vocabulary, build.findings, as_json=False, quiet=quiet)
        return
    for note in build.notes:
        talk.note(_line("note", note), quiet=quiet)
    if output is not None:
        talk.note(_line("release", f"{output}: {', '.join(names)}"), quiet=quiet)
    report.show(build.report)


def _line(name: str, text: str) -> str:
    """Return a step and its text; a long name, as `learn code`, has a space behind it too."""
    return f"{name + ' ':<{WIDTH}}{text}"
