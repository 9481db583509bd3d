"""Reads TOML as people write it: files in any Unicode encoding, Windows paths, and values on the command line."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from edgekws import text
from edgekws.errors import UserError

_LARGEST = 256 << 10  # bytes: a hundred times a recipe
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'')
_DEEP = re.compile(r'(?:\.(?:[\w-]+|"")){8}')  # no key has so many parts; tomllib's time grows with their square
_ESCAPES = "in double quotes a backslash begins an escape"


def read(path: Path, what: str = "recipe", remedy: str = "") -> dict[str, Any]:
    """The tables of a TOML file. If it is missing, not text or not TOML, a UserError says what to write instead."""
    try:
        if path.exists() and not path.is_file():
            raise UserError(f"{path} is not a file; expected a {what}")
        if path.exists() and path.stat().st_size > _LARGEST:
            raise UserError(f"{path}: larger than {_LARGEST:,} bytes; expected a {what} of some hundred lines")
        content = text.read(path).replace("\r\n", "\n")
    except OSError as error:
        raise UserError(f"{path}: cannot read the {what} ({error.strerror}){remedy}") from None
    try:
        if _DEEP.search(re.sub(r"#.*|[ \t]+", "", _STRING.sub('""', content))):
            raise UserError(f"{path}: a key of more than eight parts; expected TABLE.KEY = VALUE")
        return tomllib.loads(content)
    except RecursionError:
        raise UserError(f"{path}: not valid TOML: nested too deep; expected tables of KEY = VALUE") from None
    except ValueError as error:  # from tomllib, or for a number with thousands of digits
        raise UserError(f"{path}: not valid TOML: {error}{_path_hint(content, str(error))}") from None


def value(written: str, kind: Any) -> Any:
    """The value of a text after KEY= on the command line, for a key of type ``kind``.

    Strings need no quotes. A list of strings (``kind`` is tuple) may also be written as yes,no or [yes, no].
    """
    written = written.strip()
    try:
        parsed = tomllib.loads(f"value = {written}")["value"]
    except (ValueError, RecursionError):
        parsed = written
    if kind is str:
        return parsed if isinstance(parsed, str) and parsed != written else _unquoted(written)
    if kind not in (int, float, bool) and not _strings(parsed):
        inner = parsed if isinstance(parsed, str) else written
        items = inner.removeprefix("[").removesuffix("]").split(",")
        return [item for item in map(_unquoted, items) if item]
    return parsed


def literal(found: Any) -> str:
    """A key's value as TOML."""
    # JSON's strings, numbers, lists, true and false are also TOML
    return json.dumps(list(found) if isinstance(found, tuple) else found, ensure_ascii=False)


def control_hint(found: str) -> str:
    """What to write if a string has a control character: most come from a Windows path in double quotes."""
    if any(character in "\a\b\t\n\f\r\x1b" for character in found):
        return f"; {_ESCAPES}: write a path in single quotes ('C:\\path') or with slashes (C:/path)"
    if any("\ud800" <= character <= "\udfff" for character in found):
        return "; it is not UTF-8, so no recipe can hold it: rename it"
    return ""


def _strings(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(item, str) for item in found)


def _unquoted(written: str) -> str:
    written = written.strip()
    quoted = len(written) > 1 and written[0] == written[-1] and written[0] in "\"'"
    return written[1:-1] if quoted else written


def _path_hint(content: str, error: str) -> str:
    """How to write the path on the line that the error names, if the line has a backslash."""
    place = re.search(r"at line (\d+)", error)
    line = content.split("\n")[int(place[1]) - 1] if place else ""
    if "\\" not in line:
        return ""
    path = line.partition("=")[2].strip().strip("[]\"', ") or line.strip()
    return f"; {_ESCAPES}: write '{path}' in single quotes, or \"{path.replace(chr(92), '/')}\""
