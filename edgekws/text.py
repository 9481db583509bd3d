"""Handles text that others wrote: files in any Unicode encoding, and names with several spellings."""

from __future__ import annotations

import codecs
import os
import unicodedata
from pathlib import Path

from edgekws.errors import UserError

_MARKS = (  # longer ones first: UTF-32's little-endian mark begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"  # some scripts need them for spelling
_UNREADABLE = ("Cc", "Cf", "Cs", "Zl", "Zp")  # Unicode's categories of invisible characters and line ends


def read(path: Path) -> str:
    """The text of a file in UTF-8, UTF-16, or UTF-32 with its mark. Raises OSError, and UserError for other bytes."""
    content = path.read_bytes()
    marked = next((name for mark, name in _MARKS if content.startswith(mark)), "")
    # without a mark: UTF-16 that begins with an ASCII character has a zero as its first or second byte
    guessed = {b"\0": "utf-16-be"}.get(content[:1]) or {b"\0": "utf-16-le"}.get(content[1:2], "utf-8")
    try:
        return content.decode(marked or guessed)
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path} is not text in UTF-8 (byte {error.start} is 0x{content[error.start]:02x}); save it as UTF-8"
        ) from None


def normal(name: str) -> str:
    """A name in one form, for comparing: composed (NFC). Bytes that are not UTF-8 are read as Latin-1."""
    try:
        name.encode()
    except UnicodeEncodeError:  # bytes from the operating system, as surrogates
        name = os.fsencode(name).decode("latin-1")
    return unicodedata.normalize("NFC", name)


def shown(name: str) -> str:
    """A file's name as text. Bytes that are not UTF-8 become escapes such as \\xe9."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def unprintable(text: str) -> str:
    """The first character that a text file or a reader would lose, such as "U+2028"; empty if there is none."""
    for character in text:
        if unicodedata.category(character) in _UNREADABLE and character not in _JOINERS:
            return f"U+{ord(character):04X}"
    return ""
