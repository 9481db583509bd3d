"""Finds the speaker of a recording in its name or folder."""

from __future__ import annotations

import re
from collections.abc import Callable

from edgekws.errors import UserError

Naming = Callable[[str], str]  # a recording's path in the folder, without suffix → speaker, or "" if unknown
_EXPECTED = (
    "expected a template such as {speaker}_{take} (of the file's name) or {word}/{speaker}/{take}, or a regular "
    "expression with (?P<speaker>...)"
)


def speaker_of(stem: str) -> str:
    """The speaker by a file's name without suffix, such as SPEAKER_nohash_0; else the name itself."""
    return re.sub("_nohash_.*$", "", stem)


def naming(pattern: str = "") -> Naming:
    """A function that finds the speaker in a path WORD/.../NAME.

    Without a pattern, the speaker is that of a name SPEAKER_nohash_0, as in Speech Commands, else the folder in the
    word's folder, else unknown. In a template, {names} and * stand for the shortest text without a slash that fits; the
    template describes the last parts of the path, as many as it has. A regular expression is searched for in the whole
    path. Raises UserError for a pattern without a speaker.
    """
    if not pattern:
        return _by_layout
    if "(?P<speaker>" in pattern:
        try:
            found = re.compile(pattern)
        except re.error as error:
            raise UserError(f"data.speaker_pattern {pattern!r} is no regular expression: {error}") from None
        return lambda path: _speaker(found.search(path))
    if "{speaker}" not in pattern:
        raise UserError(f"data.speaker_pattern {pattern!r} does not say where the speaker is; {_EXPECTED}")
    shape, parts = _template(pattern), pattern.count("/") + 1
    return lambda path: _speaker(shape.fullmatch("/".join(path.split("/")[-parts:])))


def _template(pattern: str) -> re.Pattern[str]:
    pieces, known = [], set()
    for piece in re.split(r"(\{\w+\}|\*)", pattern):
        name = piece[1:-1] if piece.startswith("{") and piece.endswith("}") else ""
        if piece == "*":
            pieces.append("[^/]*?")
        elif name and name in known:  # the same name again: the same text
            pieces.append(f"(?P={name})")
        elif name and name.isidentifier():
            known.add(name)
            pieces.append(f"(?P<{name}>[^/]+?)")
        else:
            pieces.append(re.escape(piece))
    return re.compile("".join(pieces))


def _speaker(match: re.Match[str] | None) -> str:
    return (match["speaker"] or "") if match else ""


def _by_layout(path: str) -> str:
    _, *folders, stem = path.split("/")
    if "_nohash_" in stem:
        return speaker_of(stem)
    return folders[0] if folders else ""
