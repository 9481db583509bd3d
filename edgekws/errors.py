"""The one exception for mistakes that a user can correct; text made safe for a terminal; and the nearest name."""

import difflib
import unicodedata
from collections.abc import Iterable

_LONGEST = 2000  # characters of a message; a hostile file may contain a name as long as itself
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # these change the writing direction


def plain(text: str) -> str:
    """Text as one line that is safe for a terminal: control characters and lone surrogates become escapes."""

    def harmful(character: str) -> bool:
        return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in _TURNS

    if text.isascii() and text.isprintable():
        return text
    return "".join(c.encode("unicode_escape").decode() if harmful(c) else c for c in text)


class UserError(Exception):
    """A mistake of the user or in the data. Its message is one line: what was expected, what came, what to do.

    The command line prints the message and exits with status 2, without a traceback. Names and words in the message may
    come from anywhere, so it is made safe for a terminal.
    """

    def __init__(self, message: str) -> None:
        line = plain(message)
        super().__init__(line if len(line) <= _LONGEST else f"{line[: _LONGEST // 2]} … {line[-_LONGEST // 2 :]}")


def nearest(name: str, known: Iterable[str], otherwise: str, *, most: int = 1, shown: str = "{}") -> str:
    """ "did you mean ...?" with the known names nearest to ``name``, as ``shown``; ``otherwise`` if none is near."""
    small: dict[str, str] = {}  # upper and lower case count as equal
    for one in known:
        small.setdefault(one.casefold(), one)
    near = [small[one] for one in difflib.get_close_matches(name.casefold(), list(small), most)]
    return f"did you mean {', '.join(map(shown.format, near))}?" if near else otherwise
