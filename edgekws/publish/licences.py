"""Quotes the licences of recordings from the list of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from edgekws.corpus import collection, other_sound
from edgekws.corpus.folder import OWN
from edgekws.files import folder_name


def quoted(text: str, unknown_from: Sequence[str], recordings: Path) -> str:
    """A report's text on licences, with what a list of recordings says in place of "the user's own".

    unknown_from: the run's folders of no word. ``recordings``: a list as `edgekws collect` reads it. Its folders that
    are none of these hold the words. A folder that the list does not have remains the user's own. Raises UserError for
    a file that is no such list.
    """
    found: dict[str, Counter[str]] = {}
    for row in collection.read(recordings):
        found.setdefault(row.folder, Counter())[row.licence.split(":")[0].strip() or "not stated"] += 1
    rest = [folder for folder in unknown_from if folder_name(folder) not in found]
    if found.keys() - set(map(folder_name, unknown_from)):
        text = text.replace(OWN, "")
    if unknown_from:
        text = text.replace(other_sound.licence("", unknown_from), other_sound.licence("", rest))
    folders = "; ".join(
        f"{folder}: {', '.join(f'{licence} ({count:,})' for licence, count in licences.most_common())}"
        for folder, licences in sorted(found.items())
    )
    begins = f"{recordings.name} has the licence of each recording in these folders"
    before = text.partition(begins)[0]  # without what an earlier publishing said
    return " ".join([*before.split(), f"{begins} (recordings of each): {folders}."])
