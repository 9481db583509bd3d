"""Checks words. A word must be usable as a folder's name, a line of labels.txt, and a string in C."""

from __future__ import annotations

from collections.abc import Sequence

from edgekws import text
from edgekws.errors import UserError


def check_all(words: Sequence[str], where: str, least: int = 2) -> None:
    """A UserError if words cannot be the classes of a model, or are fewer than ``least``."""
    if isinstance(words, str) or len({*map(text.normal, words)}) < len(words) or len(words) < least:
        told = repr(words) if isinstance(words, str) else list(words)
        raise UserError(f"{where} needs a list of {'two' if least > 1 else 'one'} or more different words, got {told}")
    for word in words:
        check(word, where)


def check(word: str, where: str) -> None:
    """A UserError if a later step could not read the word back."""
    if code := text.unprintable(word):
        raise UserError(
            f"{where}: {word!r} cannot be a word: it holds {code}, which a list of words cannot keep; remove it"
        )
    if not word or word != word.strip():
        raise UserError(f"{where}: {word!r} cannot be a word: it is empty, or begins or ends with a blank; remove that")


def check_folders(words: Sequence[str]) -> None:
    """A UserError if words cannot be the names of folders."""
    for word in words:
        if word.startswith((".", "_")) or "/" in word or "\\" in word:
            raise UserError(
                f"{word!r} cannot be a word: its recordings are in a folder of this name, which must not begin with . "
                "or _ "
                "or contain a slash"
            )
