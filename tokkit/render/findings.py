"""Print what `verify` found: a line a law, and the first offenders by name where one is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokkit.render import data, summary, talk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokkit.laws import Finding
    from tokkit.vocabulary import Vocabulary

VERDICTS = {True: "holds", False: "BROKEN", None: "unknown"}


def show(vocabulary: Vocabulary, findings: Sequence[Finding], *, as_json: bool, quiet: bool) -> None:
    """Write the findings to stdout, as lines or as one JSON document, and the verdict to stderr."""
    broken = [finding.law for finding in findings if finding.holds is False]
    unchecked = [finding.law for finding in findings if finding.holds is None]
    if as_json:
        data.document(
            {
                "vocabulary": summary.of_vocabulary(vocabulary),
                "holds": not broken,
                "findings": [
                    {"law": each.law, "holds": each.holds, "detail": each.detail, "offenders": list(each.offenders)}
                    for each in findings
                ],
            }
        )
        return
    width = max((len(finding.law) for finding in findings), default=0)
    for finding in findings:
        line = f"{VERDICTS[finding.holds]:<7}  {finding.law:<{width}}  {finding.detail}"
        data.text("\n".join([talk.one_line(line.rstrip()), *_offenders(finding)]) + "\n")
    verdict = "every law that was checked holds" if unchecked else "every law holds"
    if unchecked:
        verdict += f"; not checked: {', '.join(unchecked)}"
    if broken:
        verdict = f"broken: {', '.join(broken)}"
    talk.note(f"{vocabulary.name}: {verdict}", quiet=quiet)


def _offenders(finding: Finding) -> list[str]:
    lines = [f"         {talk.one_line(offender)}" for offender in finding.offenders[: summary.FIRST]]
    more = len(finding.offenders) - summary.FIRST
    return [*lines, f"         and {more:,} more"] if more > 0 else lines
