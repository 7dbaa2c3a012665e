"""Tell what donors gave: a line each on stderr for the person, or one JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokkit.render import data, talk
from tokkit.render.summary import Summary, first_of, of_vocabulary

if TYPE_CHECKING:
    from tokkit.donors import Donation, Donor


def of_donation(donation: Donation) -> Summary:
    """Return what each donor gave, the bridges, and what all of it saves on the counts."""
    lines = [_line(donor) for donor in donation.donors]
    if donation.bridges:
        number = talk.counted(len(donation.bridges), "bridge")
        lines.append(f"added {number}, which save {donation.bridges_saved:,}: {first_of(donation.bridges)}")
    saved = donation.tokens_before - donation.tokens_after
    share = f" (-{saved / donation.tokens_before:.1%})" if donation.tokens_before else ""
    lines.append(f"tokens of the counts: {donation.tokens_before:,} before, {donation.tokens_after:,} after{share}")
    lines.append(f"{talk.counted(donation.vocabulary.n_ranks, 'mergeable token')} in all")
    document = {
        "vocabulary": of_vocabulary(donation.vocabulary),
        "donors": [
            {
                "label": donor.label,
                "candidates": donor.candidates,
                "in_base": donor.in_base,
                "shared": donor.shared,
                "split_by_pattern": donor.split_by_pattern,
                "vetoed": donor.vetoed,
                "chosen": donor.chosen,
                "bridges": donor.bridges,
                "tokens_saved": donor.saved,
            }
            for donor in donation.donors
        ],
        "bridges": [data.token(bridge) for bridge in donation.bridges],
        "bridges_tokens_saved": donation.bridges_saved,
        "tokens_before": donation.tokens_before,
        "tokens_after": donation.tokens_after,
    }
    return Summary(tuple(lines), document)


def _line(donor: Donor) -> str:
    passed = [
        f"{number:,} {why}"
        for number, why in (
            (donor.in_base, "in the base already"),
            (donor.shared, "in a donor before it"),
            (donor.split_by_pattern, "that the pattern splits"),
            (donor.vetoed, "that --veto forbids"),
        )
        if number
    ]
    line = f"chose {donor.chosen:,} of {talk.counted(donor.candidates, 'candidate')} from {donor.label}, "
    line += f"with {talk.counted(donor.bridges, 'bridge')}: they save {talk.counted(donor.saved, 'token')}"
    return line + (f"; passed over {', '.join(passed)}" if passed else "")
