"""The kernel set `dsp_lean`: the kernels of `dsp_fast` with less flash. Only the longest layers use Toom-Cook."""

from __future__ import annotations

from dataclasses import replace

from convert.engine.kernels import Kernel, Stage, dsp_fast

LONG_FROM = 1000  # positions a window
NEVER = 1 << 31  # the direct kernels never store weights as int16


def stage(stage: Stage, positions: int | None) -> Kernel:
    """As `dsp_fast`, but it spends flash in fewer layers."""
    return dsp_fast.stage(stage, positions, LONG_FROM, NEVER)


KERNELS = replace(dsp_fast.KERNELS, name="dsp_lean", stage=stage)
