"""The kernel set `dsp_lean`: that of `dsp_fast` with less flash, Toom-Cook in the longest layers alone."""

from __future__ import annotations

from dataclasses import replace

from convert.engine.kernels import Kernel, Stage, dsp_fast

LONG_FROM = 1000  # positions a window
NEVER = 1 << 31  # no weights stored as int16 for the direct kernels


def stage(stage: Stage, positions: int | None) -> Kernel:
    """As `dsp_fast`, with a higher bar for what costs flash."""
    return dsp_fast.stage(stage, positions, LONG_FROM, NEVER)


KERNELS = replace(dsp_fast.KERNELS, name="dsp_lean", stage=stage)
