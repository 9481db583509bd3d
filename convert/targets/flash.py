"""Writes a board bundle's image to a connected board, with the board makers' own tool."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from edgekws.errors import UserError
from edgekws.guard import untrusted


@dataclass(frozen=True)
class Programmer:
    """A tool that programs boards. ``command`` contains ``{board}`` and ``{image}``; ``install`` gets the tool."""

    tool: str
    command: tuple[str, ...]
    image: str
    install: str


PYOCD = ("pyocd", "load", "--target", "{board}", "{image}")
PROGRAMMERS = {
    "pyocd": Programmer("pyocd", PYOCD, "image.hex", "pip install pyocd"),
    "esptool": Programmer(
        "esptool", ("esptool", "--chip", "{board}", "write-flash", "0x0", "{image}"), "image.bin", "pip install esptool"
    ),
}
CHIPS = {"microbit": "nrf51822"}  # pyOCD's names of the chips of our targets
MPS = (
    "flash cannot write to an Arm MPS board: run image.elf in QEMU, as the bundle's README.md says, or copy image.bin "
    "to the board's microSD card and name it in the board's images.txt"
)


def command(bundle: Path, *, board: str | None = None, image: Path | None = None) -> list[str]:
    """The command that writes a bundle's image to a board, as its parts.

    Args:
        bundle: the folder of a board's bundle, or any folder if ``image`` is given.
        board: the tool's name for the chip, if it does not follow from the bundle. Names with esp32 choose esptool.
        image: a file to write in place of the bundle's image, such as one that a framework built.

    Raises:
        UserError: the bundle has no image, or nothing says which chip it is for.
    """
    manifest_file = bundle / "manifest.json"
    if not manifest_file.exists():
        raise UserError(f"{bundle} is not a bundle's folder: it has no manifest.json; 'edgekws bundle' makes one")
    target = str(untrusted.json_object(manifest_file, "make the bundle again").get("target"))
    chip = board or CHIPS.get(target)
    if chip is None and target.startswith("mps"):
        raise UserError(MPS)
    if chip is None:
        raise UserError(
            f"a bundle of '{target}' has no image: name the file that you built for a board with --image and its chip "
            f"with --board (bundles of {', '.join(CHIPS)} have an image for the board, those of mps2 and mps3 for QEMU)"
        )
    programmer = PROGRAMMERS["esptool" if chip.startswith("esp") else "pyocd"]
    chosen = image or bundle / programmer.image
    if not chosen.exists():
        raise UserError(f"{chosen} does not exist; build it ('make' in the bundle), or name another with --image")
    return [part.format(board=chip, image=chosen) for part in programmer.command]


def run(parts: list[str]) -> None:
    """Run the command and show its output. A UserError if the tool is missing or fails."""
    if shutil.which(parts[0]) is None:
        install = next(p.install for p in PROGRAMMERS.values() if p.tool == parts[0])
        raise UserError(f"{parts[0]} is not installed; get it with '{install}' (--dry-run shows the command)")
    status = subprocess.run(parts).returncode
    if status:
        raise UserError(f"'{shlex.join(parts)}' ended with exit status {status}; is the board connected?")
