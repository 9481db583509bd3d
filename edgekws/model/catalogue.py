"""Architectures by name: the 74 rows of the 2019 report, and this project's own models of the same family."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files

from edgekws.errors import UserError, nearest
from edgekws.model.architecture import Architecture, Block, Convolution, MaxPool, Padding

ACCURACY_COLUMNS = tuple(
    f"accuracy_{variant}" for variant in ("none", "do25", "do50", "do75", "bn", "do25_bn", "do50_bn", "do75_bn")
)
CHANNEL_64_NOTE = (
    "the printed count exceeds the stated architecture by exactly 16 x length x channels/8, as if the dense layer saw "
    "9/8 of the last block's channels; the stated architecture cannot give it, so both numbers are shown"
)


@dataclass(frozen=True)
class Entry:
    """A catalogue row: the architecture, and what the 2019 report says about it (None and {} if it says nothing)."""

    name: str
    table: str
    label: str
    architecture: Architecture
    reported_parameters: int | None = None
    batch_norm_counted: bool | None = None
    reported_accuracy: dict[str, float] = field(default_factory=dict)
    note: str = ""

    def counted_parameters(self) -> int:
        """Our parameter count in the 2019 report's way: with batch norm's gamma and beta if the report counts them."""
        arch = self.architecture
        return arch.parameters_with_batch_norm() if self.batch_norm_counted else arch.parameters()


def _report_entry(row: dict[str, str]) -> Entry:
    table, blocks = row["table"], int(row["blocks"])
    hidden = tuple(int(units) for units in row["dense_units"].split())
    name = f"{table}/{blocks}" + (f"-{len(hidden)}fc" if hidden else "")
    padding: Padding = "same" if row["conv_padding"] == "same" else "valid"
    pool = MaxPool(int(row["pool"]), "valid" if padding == "same" else "same")
    built = []
    for i in range(blocks):
        channels = int(row["start_channels"]) * 2 ** (i // int(row["double_every"]))
        conv = Convolution(channels, int(row["kernel"]), 1, padding)
        pooled = i > 0 or row["pool_after_first_block"] == "yes"
        built.append(Block((conv,) * int(row["convs_per_block"]), pool if pooled else None))
    return Entry(
        name,
        table,
        row["label"],
        Architecture(name, tuple(built), hidden),
        int(row["reported_params"]) if row["reported_params"] else None,
        {"yes": True, "no": False}.get(row["batch_norm_counted"]),
        {key.removeprefix("accuracy_"): float(row[key]) for key in ACCURACY_COLUMNS if row[key]},
        CHANNEL_64_NOTE if table == "channel-64" else "",
    )


def _strided(name: str, first: Convolution, *stages: tuple[int, ...]) -> Architecture:
    """A strided first convolution, then a block for each stage: convolutions of kernel 5 and these channels, pool 3."""
    blocks = [Block((first,))]
    blocks += [Block(tuple(Convolution(c, 5) for c in stage), MaxPool(3)) for stage in stages]
    return Architecture(name, tuple(blocks))


_OWN = (
    (
        "<= 30 k parameters, <= 8 M multiply-accumulates",
        _strided("nano", Convolution(16, 40, 10), (24,), (32,), (32,), (40,), (40,)),
    ),
    (
        "<= 100 k parameters, <= 30 M multiply-accumulates",
        _strided("small", Convolution(32, 40, 8), (40,), (56,), (56,), (72,), (72,)),
    ),
    (
        "<= 500 k parameters, <= 150 M multiply-accumulates",
        _strided("large", Convolution(64, 40, 8), (64,), (96,), (128,), (128,), (160,)),
    ),
)


@cache
def entries() -> dict[str, Entry]:
    """Every catalogue entry by name: first the 2019 report's, in its order."""
    table = (files("edgekws.model") / "report_2019.csv").read_text(encoding="utf-8")
    listed = [_report_entry(row) for row in csv.DictReader(table.splitlines())]
    listed += [Entry(arch.name, "own", label, arch) for label, arch in _OWN]
    return {entry.name: entry for entry in listed}


def architecture(name: str, window: int) -> Architecture:
    """The architecture of this name for a window of ``window`` samples. A UserError if there is none."""
    return replace(find(name).architecture, window=window)


def find(name: str) -> Entry:
    """The entry of this name. If there is none, a UserError suggests the nearest name."""
    known = entries()
    if name not in known:
        hint = nearest(name, known, f"'edgekws models' lists all {len(known)}", most=3)
        raise UserError(f"unknown architecture '{name}'; {hint}")
    return known[name]
