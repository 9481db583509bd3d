"""Puts several kernel sets of one model into one folder: the compiler's own macros choose among them.

Every set is first generated into a folder of its own. A file that is the same in all sets is copied once. A file that
differs is copied from each set, with the set's name in its own name; it compiles to nothing if another set is chosen.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from convert.engine.codegen import MARK
from convert.engine.kernels import find

MODEL = "edgekws_model.h"


def merge(folders: Mapping[str, Path], destination: Path) -> None:
    """Merge the folders of several kernel sets, given by name. A compiler chooses the first set that it can compile.

    The last set must compile everywhere. A single set is copied unchanged.
    """
    destination.mkdir(parents=True, exist_ok=True)
    for name in sorted({path.name for folder in folders.values() for path in folder.iterdir()}):
        files = {kernels: folder / name for kernels, folder in folders.items() if (folder / name).exists()}
        texts = {kernels: path.read_text(encoding="utf-8") for kernels, path in files.items()}
        same = len(set(texts.values())) == 1
        stem, suffix = name.rsplit(".", 1)
        if same and (len(texts) == len(folders) or suffix == "h"):
            shutil.copyfile(next(iter(files.values())), destination / name)
        elif same:
            (destination / name).write_text(_only_for(texts, next(iter(texts.values()))), encoding="utf-8")
        else:
            for kernels, text in texts.items():
                own = _only_for([kernels], text) if suffix == "c" else _own_guard(stem, kernels, text)
                (destination / f"{stem}_{kernels}.{suffix}").write_text(own, encoding="utf-8")
            if suffix == "h":
                (destination / name).write_text(_chooser(stem, list(texts)), encoding="utf-8")


def macro(kernels: str) -> str:
    """The macro that is defined when this set is chosen. The compiler's option -D chooses a set by hand."""
    return f"EDGEKWS_KERNELS_{kernels.upper()}"


def _any_of(sets: Iterable[str]) -> str:
    return " || ".join(f"defined({macro(kernels)})" for kernels in sets)


def _only_for(sets: Iterable[str], text: str) -> str:
    """Make a C file compile to nothing unless one of these sets is chosen. Its first comment stays in front."""
    end = text.index("*/\n") + 3
    return "\n".join(
        [
            f'{text[:end]}#include "{MODEL}"',
            f"#if {_any_of(sets)}\n{text[end:]}",
            "#else",
            "typedef int edgekws_other_kernels; /* C wants something in every file */",
            "#endif\n",
        ]
    )


def _own_guard(stem: str, kernels: str, text: str) -> str:
    return text.replace(f"{stem.upper()}_H", f"{stem.upper()}_{kernels.upper()}_H")


def _chooser(stem: str, sets: list[str]) -> str:
    """A header that includes the chosen set's header. The model's header also makes the choice."""
    guard = f"{stem.upper()}_H"
    lines = [f"#ifndef {guard}", f"#define {guard}", ""]
    lines += _choice(sets) if f"{stem}.h" == MODEL else [f'#include "{MODEL}"', ""]
    for i, kernels in enumerate(sets):
        lines += [f"#{'elif' if i else 'if'} defined({macro(kernels)})", f'#include "{stem}_{kernels}.h"']
    return MARK + "\n".join([*lines, "#endif", "", "#endif", ""])


def _choice(sets: list[str]) -> list[str]:
    """Lines of C that define the macro of the first set that compiles, unless a set's macro is defined already."""
    lines = ["/* The kernel set: the best that the compiler's options allow, or one that a -D names. */"]
    lines += [f"#if {_any_of(sets)}"]
    for kernels in sets[:-1]:
        lines += [f"#elif {find(kernels).requires}", f"#define {macro(kernels)} 1"]
    return [*lines, "#else", f"#define {macro(sets[-1])} 1", "#endif", ""]
