"""Puts a model's identifier into every name in a bundle's C: files, symbols, macros and build targets.

This lets one program contain several models. The engine and the templates use the names ``edgekws_…`` and
``EDGEKWS_…``. A bundle of the model *small* has ``edgekws_small_…`` and ``EDGEKWS_SMALL_…`` instead.
"""

from __future__ import annotations

import re
from pathlib import Path

# Words that end the engine's own names: a model "a detector" must not get the same names as the detector of model "a".
OWN_WORDS = frozenset(
    [
        "block",
        "blocks",
        "classify",
        "coding",
        "convolve",
        "dense",
        "detector",
        "dsp",
        "evenly",
        "frontend",
        "host",
        "jni",
        "kernels",
        "model",
        "mve",
        "next",
        "resolver",
        "rows",
        "scheduler",
        "selftest",
        "settings",
        "sliding",
        "spotter",
        "stream",
        "string",
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
    """A model's name as an identifier for C, CMake and every library manager: letters, digits and _."""
    plain = re.sub(r"[^0-9a-z]+", "_", name.lower()).strip("_") or "model"
    return plain if plain[0].isalpha() else f"m_{plain}"


def plain_ascii(text: str) -> str:
    """The text as a line that every tool's manifest accepts: ASCII letters, digits, spaces and .-_."""
    return "".join(c if c.isascii() and (c.isalnum() or c in " .-_") else "_" for c in text).strip()


def prefix(name: str) -> str:
    """How every name in this model's C begins: ``edgekws_`` and the identifier."""
    plain = identifier(name)
    stem, _, last = plain.rpartition("_")
    return f"edgekws_{plain}_kws" if stem and last in OWN_WORDS else f"edgekws_{plain}"


def renamed(text: str, prefix: str) -> str:
    """A text of the engine or a template with one model's names. Prose such as "edgekws verify" stays."""

    def with_prefix(found: re.Match[str]) -> str:
        if found[1] is None:  # a file of kernels has no edgekws_ in its name
            return f"{prefix}_{found[0]}"
        return prefix if found[1].islower() else prefix.upper()

    return _ENGINE_NAME.sub(with_prefix, text)


def rename_files(folder: Path, prefix: str) -> None:
    """Change names and contents of all files in a folder to one model's names."""
    texts = {path: path.read_text(encoding="utf-8").splitlines(keepends=True) for path in sorted(folder.iterdir())}
    for path in texts:  # all of them first: of a model "window", edgekws.c takes the place of edgekws_window.c
        path.unlink()
    for path, lines in texts.items():
        text = "".join(_renamed_line(line, prefix) for line in lines)
        path.with_name(renamed(path.name, prefix)).write_text(text, encoding="utf-8")


def _renamed_line(line: str, prefix: str) -> str:
    """A line of C with one model's names. Its strings stay: a word to listen for may look like a name of the engine."""
    if line.startswith("#include"):
        return renamed(line, prefix)
    return "".join(part if part.startswith('"') else renamed(part, prefix) for part in _STRING.split(line))


def generic_header(prefix: str) -> str:
    """The text of ``edgekws.h``: the same names without the identifier, for a program with only this model.

    If the headers of two models are in the include path, including it is an error, since nobody knows which is meant.
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
