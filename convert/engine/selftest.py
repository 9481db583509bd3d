"""Writes what a device's self-test expects of a model: CRC-32 of its tables and layers' outputs, scores of clips.

Integer arithmetic makes the clips and the layers' test inputs, here and in ``edgekws_selftest.c``, so that they take
no flash. The expected values come from ``convert.tflite.tflm_reference``.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from convert.engine import codegen
from convert.engine.fixed_point import Scaling
from convert.engine.kernels import Stage
from convert.engine.plan import DenseLayer, Plan, PlannedStage
from convert.tflite import tflm_reference
from convert.tflite.artifact import Artifact
from edgekws.audio import SAMPLE_RATE
from edgekws.model import coding, front_end
from edgekws.workspace import write_json

CLIPS = 9  # silence, then eight of ever greater level
FRONT_END_SAMPLES = 500  # of each clip; all together are not a whole number of blocks
KERNEL_VALUES = 16384  # outputs of each stage at least: a wrong rounding shows in one of a thousand
ENGINE_FILES = ("edgekws_selftest.h", "edgekws_selftest.c")
ALIGNMENT = 16  # bytes; a kernel's output begins at a multiple


@dataclass(frozen=True)
class ExpectedLayer:
    """CRC-32 of a layer's tables, and of its output when it runs alone.

    Its inputs are ``span`` different numbers from ``lowest`` on. With ``outputs`` 0 it does not run alone, as there is
    not enough memory.
    """

    name: str
    weights_bytes: int
    weights_crc: int
    biases: int
    multipliers: int
    scaling_crc: int
    shape_crc: int
    lowest: int = 0
    span: int = 1
    calls: int = 0
    outputs: int = 0
    output_at: int = 0
    output_crc: int = 0


def write(artifact: Artifact, plan: Plan, folder: Path) -> None:
    """Add the self-test to a folder that ``codegen.generate`` wrote for the same artifact and plan."""
    for name in ENGINE_FILES:
        (folder / name).write_bytes((files("firmware_assets") / "engine" / "selftest" / name).read_bytes())
    clips = make_clips(plan.window if plan.sliding is None else plan.window + plan.hop)
    scores = _scores(artifact if plan.sliding is None else artifact.on_stream, plan.window, clips.shape[1])
    layers = [_stage(plan, planned) for planned in plan.stages]
    layers += [_dense(plan, i) for i in range(len(plan.dense))]
    sizes = {
        "CLIPS": CLIPS,
        "CLIP_SAMPLES": clips.shape[1],
        "SAMPLES_CRC": _hexadecimal(zlib.crc32(clips.astype("<i2").tobytes())),
        "FRONTEND_SAMPLES": FRONT_END_SAMPLES,
        "FRONTEND_CRC": _hexadecimal(_front_end_crc(artifact.level_control)),
        "CODING_CRC": _hexadecimal(_coding_crc(artifact.coding, plan.stages[0].stage)),
        "SCORES_CRC": _hexadecimal(zlib.crc32(scores.astype(np.int8).tobytes())),
        "MAPS_CRC": _hexadecimal(_words_crc(_map_words(plan))),
        "EXPONENTIALS_CRC": _hexadecimal(zlib.crc32(plan.exponentials.astype("<i4").tobytes())),
    }
    (folder / "edgekws_selftest_model.h").write_text(_header(sizes), encoding="utf-8")
    (folder / "edgekws_selftest_model.c").write_text(_source(layers, scores), encoding="utf-8")


@lru_cache(maxsize=4)  # all kernel sets of a model give the same
def _scores(artifact: Artifact, window: int, samples: int) -> np.ndarray:
    """The scores of the last window of each clip, int8 (CLIPS, classes)."""
    codes = coding.encode(make_clips(samples), artifact.coding)[:, -window:]
    return np.concatenate([tflm_reference.run(artifact.graph, code)[-1].reshape(1, -1) for code in codes])


def write_recordings(artifact: Artifact, folder: Path) -> None:
    """Write the clips as WAV files, and their expected scores, into ``selftest/``: for targets without the engine.

    For each file, ``expected.json`` has every word's probability by TensorFlow Lite Micro's arithmetic. Kernels that
    round in their own way, such as XNNPACK's, differ from it by a few units of 1/256.
    """
    import soundfile

    place = folder / "selftest"
    place.mkdir(parents=True, exist_ok=True)
    expected = {}
    for i, clip in enumerate(make_clips(artifact.graph.input.length)):
        name = f"clip_{i}.wav"
        soundfile.write(place / name, clip, SAMPLE_RATE, subtype="PCM_16")
        scores = tflm_reference.run(artifact.graph, front_end.codes(clip, artifact))[-1].reshape(-1)
        expected[name] = {label: (int(score) + 128) / 256 for label, score in zip(artifact.labels, scores, strict=True)}
    write_json(place / "expected.json", expected)


def make_clips(samples: int) -> np.ndarray:
    """Clips, int16 (CLIPS, samples): silence, then pieces of noise and sawtooth from faint to full scale."""
    clips = np.zeros((CLIPS, samples), np.int16)
    i = np.arange(samples, dtype=np.int64)
    noise = (_random((CLIPS - 1) * samples) >> 16).reshape(CLIPS - 1, samples) - 32_768
    for clip in range(1, CLIPS):
        sawtooth = ((i * 41 * clip) & 0xFFFF) - 32_768
        loudest = np.where((i * clip >> 11) & 1, noise[clip - 1], sawtooth)
        clips[clip] = loudest >> (CLIPS - 1 - clip)
    return clips


def _random(count: int) -> np.ndarray:
    """``count`` 32-bit numbers as int64, from the C's generator: x = a x + c, beginning with x = 1."""
    powers = np.cumprod(np.full(count, 1_664_525, np.uint32), dtype=np.uint32)
    below = np.cumsum(powers, dtype=np.uint32) - powers + np.uint32(1)
    return (powers + np.uint32(1_013_904_223) * below).astype(np.int64)


def _frames(frames: int, channels: int, lowest: int, span: int) -> np.ndarray:
    """Random int64 (frames, channels) from ``lowest`` to ``lowest + span - 1``."""
    numbers = _random(frames * channels)
    return (lowest + ((numbers >> 16) * span >> 16)).reshape(frames, channels)


def _stage(plan: Plan, planned: PlannedStage) -> ExpectedLayer:
    stage = planned.stage
    tables = _tables(stage.name, planned.kernel.weights, planned.scaling, _stage_words(planned))
    unit = ALIGNMENT * 8 // plan.kernels.value_bits
    for outputs in range(planned.group, 0, -1):
        frames = (outputs * stage.pool - 1) * stage.stride + stage.taps
        at = -(-(frames * stage.in_channels + unit) // unit) * unit
        end = max(at + outputs * stage.out_channels, frames * stage.in_channels + planned.kernel.read_past)
        if end <= plan.buffer_values:
            calls = -(-KERNEL_VALUES // (outputs * stage.out_channels))
            lowest, span = _telling_range(stage, frames, outputs)
            called = np.split(_frames(calls * frames, stage.in_channels, lowest, span), calls)
            values = np.stack([_stage_values(stage, some, outputs) for some in called])
            return ExpectedLayer(*tables, lowest, span, calls, outputs, at, zlib.crc32(values.tobytes()))
    return ExpectedLayer(*tables)


def _telling_range(stage: Stage, frames: int, outputs: int) -> tuple[int, int]:
    """The range of inputs around the zero point, as (lowest, span), that saturates the fewest of the outputs."""
    lowest, zero_point = stage.input_range[0], stage.input_zero_point

    def unsaturated(chosen: tuple[int, int]) -> int:
        values = _stage_values(stage, _frames(frames, stage.in_channels, *chosen), outputs)
        return int(((values > stage.scaling.minimum) & (values < 127)).sum())

    spans = [(128 - lowest) >> halvings for halvings in range(6)]
    return max(((min(max(zero_point - span // 2, lowest), 128 - span), span) for span in spans), key=unsaturated)


def _stage_values(stage: Stage, frames: np.ndarray, outputs: int) -> np.ndarray:
    """The stage's output, int8 (outputs, channels): convolution without padding, then the maximum of each pool."""
    windows = np.lib.stride_tricks.sliding_window_view(frames, stage.taps, axis=0)[:: stage.stride]
    rows = windows[: outputs * stage.pool].transpose(0, 2, 1).reshape(outputs * stage.pool, -1)
    sums = tflm_reference.exact_product(rows, stage.weights).reshape(outputs, stage.pool, -1).max(axis=1)
    scaling = stage.scaling
    bias, multipliers, shifts = (table.astype(np.int64) for table in (scaling.bias, scaling.multiplier, scaling.shift))
    return tflm_reference.rescale(sums + bias, multipliers, shifts, scaling.zero_point, scaling.minimum)


def _dense(plan: Plan, index: int) -> ExpectedLayer:
    layer: DenseLayer = plan.dense[index]
    frames, units, values = layer.weights.shape
    weights = plan.kernels.dense_weights(layer.weights)
    words = [units, frames, values, weights.nbytes // frames, *_scaling_words(layer.scaling)]
    tables = _tables(layer.name, weights, layer.scaling, words)
    if values > plan.buffer_values:
        return ExpectedLayer(*tables)
    lowest = plan.stages[-1].scaling.minimum if index == 0 else plan.dense[index - 1].scaling.minimum
    made = _frames(frames, values, lowest, 128 - lowest)
    sums = np.einsum("fuv,fv->u", layer.weights.astype(np.int64), made)
    crc = _words_crc(sums.tolist())
    return ExpectedLayer(*tables, lowest, 128 - lowest, 1, frames, 0, crc)


def _tables(
    name: str, weights: np.ndarray, scaling: Scaling, words: list[int]
) -> tuple[str, int, int, int, int, int, int]:
    little = np.ascontiguousarray(weights.astype(weights.dtype.newbyteorder("<")))
    crc = zlib.crc32(scaling.bias.astype("<i4").tobytes())
    crc = zlib.crc32(scaling.multiplier.astype("<i4").tobytes(), crc)
    crc = zlib.crc32(scaling.shift.astype(np.int8).tobytes(), crc)
    weights_crc = zlib.crc32(little.tobytes())
    return name, little.nbytes, weights_crc, scaling.bias.size, scaling.multiplier.size, crc, _words_crc(words)


def _stage_words(planned: PlannedStage) -> list[int]:
    """The numbers of an edgekws_stage, in the order of the C."""
    stage = planned.stage
    sizes = [stage.in_channels, stage.out_channels, stage.taps, stage.stride]
    pools = [stage.pool, stage.first_pool, stage.last_pool, planned.group]
    places = [stage.pad_before, stage.input_zero_point, stage.out_length, planned.buffer]
    return [*sizes, *pools, *places, *_scaling_words(planned.scaling)]


def _scaling_words(scaling: Scaling) -> list[int]:
    return [scaling.zero_point, scaling.minimum, int(scaling.per_channel)]


def _map_words(plan: Plan) -> list[int]:
    """The numbers of every edgekws_map in order; none in window mode."""
    return [
        word
        for m in (plan.sliding.maps if plan.sliding else ())
        for word in (m.map.frames, m.map.first, m.map.last, m.map.hop, m.channels, m.slots, m.buffer, m.left, m.right)
    ]


def _words_crc(words: list[int]) -> int:
    """CRC-32 of numbers as 32 bits each, little endian."""
    return zlib.crc32((np.array(words, np.int64) & 0xFFFFFFFF).astype("<u4").tobytes())


def _front_end_crc(level_control: bool) -> int:
    """CRC-32 of the front end's output for the beginnings of all clips in a row, most samples with an offset."""
    clips = make_clips(FRONT_END_SAMPLES)
    samples = np.where(np.arange(FRONT_END_SAMPLES) % 7, (clips >> 1) + 4_096, clips).astype(np.int16)
    return zlib.crc32(front_end.process(samples.reshape(-1), level_control).astype("<i2").tobytes())


def _coding_crc(name: str, first: Stage) -> int:
    """CRC-32 of every 17th sample's code; 0 if one sample already runs the first stage, which hides the codes."""
    if first.taps <= first.pad_before + 1:
        return 0
    samples = np.arange(-32_768, 32_768, 17).astype(np.int16)
    return zlib.crc32(coding.encode(samples, name).tobytes())


def _hexadecimal(value: int) -> str:
    return f"UINT32_C(0x{value:08X})"


def _header(sizes: dict[str, object]) -> str:
    lines = [f"#define EDGEKWS_{name} {value}" for name, value in sizes.items()]
    return (
        codegen.MARK
        + "#ifndef EDGEKWS_SELFTEST_MODEL_H\n#define EDGEKWS_SELFTEST_MODEL_H\n\n"
        + '#include "edgekws_scheduler.h"\n\n'
        + "\n".join(lines)
        + """

typedef struct {
    const char *name;
    uint32_t weights_bytes, weights_crc;
    uint32_t biases, multipliers, scaling_crc;
    uint32_t shape_crc;
    int lowest;         /* value of its input, and how many there are */
    uint32_t span;
    uint32_t calls;     /* of a stage's kernel */
    uint32_t outputs;   /* frames out of a stage, frames into a dense layer; 0: not tried alone */
    uint32_t output_at; /* where in the buffers a stage writes */
    uint32_t output_crc;
} edgekws_expected_layer;

extern const edgekws_expected_layer edgekws_expected_layers[EDGEKWS_STAGES + EDGEKWS_DENSE_LAYERS];
extern const int8_t edgekws_expected_results[EDGEKWS_CLIPS][EDGEKWS_CLASSES];

#endif
"""
    )


def _source(layers: list[ExpectedLayer], scores: np.ndarray) -> str:
    rows = [
        f'    {{"{layer.name}", {layer.weights_bytes}, {_hexadecimal(layer.weights_crc)}, {layer.biases}, '
        f"{layer.multipliers}, {_hexadecimal(layer.scaling_crc)},\n     {_hexadecimal(layer.shape_crc)}, "
        f"{layer.lowest}, {layer.span}, {layer.calls}, {layer.outputs}, {layer.output_at}, "
        f"{_hexadecimal(layer.output_crc)}}},"
        for layer in layers
    ]
    expected = ["    {" + ", ".join(map(str, row)) + "}," for row in scores.tolist()]
    return "\n".join(
        [
            codegen.MARK + '#include "edgekws_selftest_model.h"',
            "",
            "const edgekws_expected_layer edgekws_expected_layers[EDGEKWS_STAGES + EDGEKWS_DENSE_LAYERS] = {",
            *rows,
            "};",
            "",
            "const int8_t edgekws_expected_results[EDGEKWS_CLIPS][EDGEKWS_CLASSES] = {",
            *expected,
            "};",
            "",
        ]
    )
