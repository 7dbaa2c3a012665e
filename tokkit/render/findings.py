"""Print what `verify` found: a line a law, and the first offenders by name where one is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokkit.render import data, summary, talk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokkit.laws import Finding
    from tokkit.vocabulary import Vocabulary


def show(vocabulary: Vocabulary, findings: Sequence[Finding], *, as_json: bool, quiet: bool) -> None:
    """Write the findings to stdout, as lines or as one JSON document, and the verdict to stderr."""
    broken = [finding.law for finding in findings if not finding.holds]
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
        verdict = "holds " if finding.holds else "BROKEN"
        data.text(talk.one_line(f"{verdict}  {finding.law:<{width}}  {finding.detail}".rstrip()) + "\n")
        for offender in finding.offenders:
            data.text(f"        {talk.one_line(offender)}\n")
    verdict = f"{', '.join(broken)} broken" if broken else "every law holds"
    talk.note(f"{vocabulary.name}: {verdict}", quiet=quiet)
