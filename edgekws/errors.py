"""The one exception for mistakes a user can mend, text made safe for a terminal, and the name probably meant."""

import difflib
import unicodedata
from collections.abc import Iterable

_LONGEST = 2000  # characters of a message; a hostile name may be as long as its file
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # of the writing direction


def plain(text: str) -> str:
    """Text as one line without what a terminal obeys: control characters and lone surrogates stand as escapes."""

    def harmful(character: str) -> bool:
        return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in _TURNS

    if text.isascii() and text.isprintable():
        return text
    return "".join(c.encode("unicode_escape").decode() if harmful(c) else c for c in text)


class UserError(Exception):
    """A mistake of the user's or of the data, told in one line: what was expected, what came, what to do.

    The command line prints the message and exits with status 2; no traceback is shown. Names and words in it may come
    from anywhere, so the message is made plain.
    """

    def __init__(self, message: str) -> None:
        line = plain(message)
        super().__init__(line if len(line) <= _LONGEST else f"{line[: _LONGEST // 2]} … {line[-_LONGEST // 2 :]}")


def nearest(name: str, known: Iterable[str], otherwise: str, *, most: int = 1, shown: str = "{}") -> str:
    """ "did you mean ...?" with the known names most like ``name``, each as ``shown``; ``otherwise`` where none is."""
    small: dict[str, str] = {}  # what is written in capitals is near to what is not
    for one in known:
        small.setdefault(one.casefold(), one)
    near = [small[one] for one in difflib.get_close_matches(name.casefold(), list(small), most)]
    return f"did you mean {', '.join(map(shown.format, near))}?" if near else otherwise
