"""Text that others wrote: files in any Unicode encoding, and names that can be spelled in several ways."""

from __future__ import annotations

import codecs
import os
import unicodedata
from pathlib import Path

from edgekws.errors import UserError

_MARKS = (  # the longer first: UTF-32's little-endian mark begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"  # some scripts spell with them
_UNREADABLE = ("Cc", "Cf", "Cs", "Zl", "Zp")  # Unicode's categories of what no one sees, or what ends a line


def read(path: Path) -> str:
    """The text of a file in UTF-8, UTF-16, or UTF-32 with its mark; raises OSError, or UserError for other bytes."""
    content = path.read_bytes()
    marked = next((name for mark, name in _MARKS if content.startswith(mark)), "")
    # without a mark: text that begins with ASCII has zero as its first byte or its second in UTF-16
    guessed = {b"\0": "utf-16-be"}.get(content[:1]) or {b"\0": "utf-16-le"}.get(content[1:2], "utf-8")
    try:
        return content.decode(marked or guessed)
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path} is not text in UTF-8 (byte {error.start} is 0x{content[error.start]:02x}); save it as UTF-8"
        ) from None


def normal(name: str) -> str:
    """One form of a name for comparing: composed (NFC), and of bytes that are not UTF-8 the Latin-1 reading."""
    try:
        name.encode()
    except UnicodeEncodeError:  # the operating system's bytes, as surrogates
        name = os.fsencode(name).decode("latin-1")
    return unicodedata.normalize("NFC", name)


def shown(name: str) -> str:
    """A name of the file system as text: of bytes that are not UTF-8 each stands as \\xe9; any other name as it is."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def unprintable(text: str) -> str:
    """The first character that a text file or a reader would lose, as "U+2028"; empty where there is none."""
    for character in text:
        if unicodedata.category(character) in _UNREADABLE and character not in _JOINERS:
            return f"U+{ord(character):04X}"
    return ""
