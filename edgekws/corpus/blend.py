"""Joins several sources of clips: in each split, the clips of their plans follow each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from edgekws.audio import Preparation
from edgekws.corpus.clips import SPLITS, Clip, Noise
from edgekws.corpus.store import Plan

FROM = "_from_"  # begins the names of clips from further sources


def blended(plan: Plan, further: Sequence[tuple[str, Plan]]) -> Plan:
    """The plan with clips and noise of further plans added, under the names of their sources.

    Every plan splits its own voices. No speaker belongs to two plans.
    """
    plans = [plan, *(named(name, one) for name, one in further)]
    parts = {split: [[clip for clip in one.clips if clip.split == split] for one in plans] for split in SPLITS}

    def recordings() -> Iterator[tuple[np.ndarray, Preparation]]:
        sources = [iter(one.recordings()) for one in plans]
        for split in SPLITS:
            for source, mine in zip(sources, parts[split], strict=True):
                for _ in mine:
                    yield next(source)
        yield from sources[0]  # gives nothing more, but reports unreadable recordings here

    def noise() -> Iterator[Noise]:
        for one in plans:
            yield from one.noise()

    return replace(
        plan,
        clips=tuple(clip for split in SPLITS for mine in parts[split] for clip in mine),
        recordings=recordings,
        noise=noise,
        preparation=sum((one.preparation for one in plans[1:]), plan.preparation),
        source="; ".join(one.source for one in plans),
        licence=" ".join(dict.fromkeys(one.licence for one in plans)),
        settings=[one.settings for one in plans],
        ignored=sum(one.ignored for one in plans),
    )


def for_training(plan: Plan) -> Plan:
    """The plan with only its training clips, which come first."""
    return replace(plan, clips=tuple(clip for clip in plan.clips if clip.split == "training"))


def named(name: str, plan: Plan) -> Plan:
    """The plan with the source's name in the names of its clips and speakers."""
    return replace(
        plan,
        clips=tuple(
            Clip(f"{FROM}/{name}/{clip.name}", clip.word, clip.speaker and f"{name}: {clip.speaker}", clip.split)
            for clip in plan.clips
        ),
    )
