"""Labels on a workspace: joined with what was answered, and told as numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from gapless.features import StoreSources
from gapless.streaming.coverage import Day, Delays, ScoredDay, coverage, delay_distribution, scored
from gapless.streaming.joining import LATE_US, JoinReport, join_labels
from gapless.streaming.outcomes import latest_outcomes
from gapless.workspace.parts import Parts

__all__ = ["LabelsReport", "labels"]


@dataclass(frozen=True)
class LabelsReport:
    """What a join of labels did, and what is known of the answers now.

    Parameters:
        joined — what was added, over all answers.
        days, delays, scored — of the answers whose request lies in the time asked for.
    """

    joined: JoinReport
    days: tuple[Day, ...]
    delays: Delays
    scored: tuple[ScoredDay, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "joined": self.joined.to_dict(),
            "days": [{**asdict(day), "share_labelled": day.share_labelled} for day in self.days],
            "delays": self.delays.to_dict(),
            "scored": [asdict(day) for day in self.scored],
        }


def labels(
    parts: Parts,
    name: str,
    *,
    since_us: int | None,
    until_us: int | None,
    known_by_us: int | None,
    everything: bool,
    progress: Callable[[int], None] | None,
) -> LabelsReport:
    """See `Workspace.labels`."""
    model, store = parts.product.model(name), parts.offline
    source = model.label.source.origin
    joined = join_labels(
        model,
        StoreSources(store, {source.name: source}),
        store,
        known_by_us=parts.clock.now_us() if known_by_us is None else known_by_us,
        late_us=None if everything else LATE_US,
        progress=progress,
    )
    outcomes = latest_outcomes(store, name, since_us=since_us, until_us=until_us)
    return LabelsReport(
        joined,
        tuple(coverage(outcomes)),
        delay_distribution(outcomes, give_up_us=model.label.give_up_us),
        tuple(scored(model, outcomes)),
    )
