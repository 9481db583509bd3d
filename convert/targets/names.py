"""Names of a bundle's C: every file, symbol, macro and target carries the model's identifier.

So several models can be part of one program. The engine and its templates are written with the names ``edgekws_…`` and
``EDGEKWS_…``. A bundle of the model *small* has ``edgekws_small_…`` and ``EDGEKWS_SMALL_…`` in their place.
"""

from __future__ import annotations

import re
from pathlib import Path

# Last words of the engine's own files and symbols: the model "a detector" must not have the names of model "a".
OWN_WORDS = frozenset(
    [
        "blocks",
        "classify",
        "coding",
        "detector",
        "dsp",
        "frontend",
        "host",
        "jni",
        "kernels",
        "model",
        "next",
        "resolver",
        "scheduler",
        "selftest",
        "settings",
        "sliding",
        "spotter",
        "stream",
        "wasm",
        "window",
    ]
)
_ENGINE_NAME = re.compile(r"(?<![A-Za-z0-9])(?:(edgekws|EDGEKWS)(?=_|\.[ch]\b)|kernels_(?=[\w*]+\.c\b))")
_STRING = re.compile(r'("(?:[^"\\\n]|\\.)*")')
GENERIC_HEADER = "edgekws.h"
FRONT_END = ("frontend", "frontend_reset", "frontend_push", "frontend_flush")
GENERIC_FUNCTIONS = ("reset", "push", "ready", "scores", "label", "labels", *FRONT_END)
GENERIC_SIZES = ("CLASSES", "SAMPLE_RATE", "WINDOW", "HOP", "STATE_BYTES", "LEVEL_CONTROL", "FRONTEND_WAITING")


def identifier(name: str) -> str:
    """A model's name as an identifier of C, of CMake and of every library manager: letters, digits and _."""
    plain = re.sub(r"[^0-9a-z]+", "_", name.lower()).strip("_") or "model"
    return plain if plain[0].isalpha() else f"m_{plain}"


def plain_ascii(text: str) -> str:
    """A line that every tool's manifest takes: letters, digits, spaces and .-_ of ASCII."""
    return "".join(c if c.isascii() and (c.isalnum() or c in " .-_") else "_" for c in text).strip()


def prefix(name: str) -> str:
    """What every name in the C of this model begins with: ``edgekws_`` and the identifier."""
    plain = identifier(name)
    stem, _, last = plain.rpartition("_")
    return f"edgekws_{plain}_kws" if stem and last in OWN_WORDS else f"edgekws_{plain}"


def renamed(text: str, prefix: str) -> str:
    """A text of the engine or of a template with the names of one model; prose such as "edgekws verify" stays."""

    def with_prefix(found: re.Match[str]) -> str:
        if found[1] is None:  # a file of kernels
            return f"{prefix}_{found[0]}"
        return prefix if found[1].islower() else prefix.upper()

    return _ENGINE_NAME.sub(with_prefix, text)


def rename_files(folder: Path, prefix: str) -> None:
    """Give every file of a folder, by name and content, the names of one model."""
    for path in sorted(folder.iterdir()):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.unlink()
        text = "".join(_renamed_line(line, prefix) for line in lines)
        path.with_name(renamed(path.name, prefix)).write_text(text, encoding="utf-8")


def _renamed_line(line: str, prefix: str) -> str:
    """A line of C; its strings stay, since a word to listen for may look like a name of the engine."""
    if line.startswith("#include"):
        return renamed(line, prefix)
    return "".join(part if part.startswith('"') else renamed(part, prefix) for part in _STRING.split(line))


def generic_header(prefix: str) -> str:
    """``edgekws.h``: names without the identifier, for a program with this one model.

    Where the headers of two models are in reach, it is an error to include it: which one is meant?
    """
    upper = prefix.upper()
    aliases = [f"#define edgekws_{name} {prefix}_{name}" for name in GENERIC_FUNCTIONS]
    aliases += [f"#define EDGEKWS_{name} {upper}_{name}" for name in GENERIC_SIZES]
    return f"""/* For a program with this one model: the interface of {prefix}.h without the model's identifier. */
#if defined(EDGEKWS_H) && !defined({upper}_IS_EDGEKWS)
#error "two models have an edgekws.h here: include {prefix}.h, and the other model's header, in its place"
#endif
#ifndef EDGEKWS_H
#define EDGEKWS_H
#define {upper}_IS_EDGEKWS
#ifdef __GNUC__
#pragma GCC system_header /* include_next is no C99: it finds another model's edgekws.h, if there is one */
#endif

#include "{prefix}.h"
#include "{prefix}_frontend.h"

typedef {prefix}_state edgekws;
{chr(10).join(aliases)}

#ifdef __has_include_next
#if __has_include_next("edgekws.h")
#include_next "edgekws.h"
#endif
#endif

#endif
"""
