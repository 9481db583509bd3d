"""Generated engines on emulated Cortex-Ms: equal bits, and counts that can be trusted."""

from __future__ import annotations

import numpy as np
import pytest
import synthetic_tflite

from convert.engine import codegen, emulation
from convert.engine import kernels as kernel_sets
from convert.tflite import artifact, tflm_reference
from edgekws.errors import UserError
from edgekws.files import scratch
from edgekws.model import catalogue, coding
from edgekws.model.architecture import Architecture, Block
from edgekws.model.architecture import Convolution as Conv
from edgekws.model.architecture import MaxPool as Pool

pytestmark = pytest.mark.skipif(bool(emulation.missing_tools()), reason=emulation.missing_tools())

SMALL = Architecture("", (Block((Conv(6, 5),)), Block((Conv(5, 3),), Pool(3, "same"))), (), 400)


def generate(architecture, folder, classes=4, **options):
    read = synthetic_tflite.graph(architecture, classes)
    return read, codegen.generate(read, [f"word{i}" for i in range(classes)], folder, **options)


def golden(read, clips):
    return np.stack([tflm_reference.run(read, coding.encode(clip, "linear"))[-1][0] for clip in clips])


def noise(read, count=2):
    return np.random.default_rng(1).integers(-32768, 32768, (count, read.input.length)).astype(np.int16)


@pytest.mark.parametrize("target", emulation.TARGETS)
def test_equal_bits_on_every_target(target, tmp_path):
    read, _ = generate(SMALL, tmp_path)
    clips = noise(read, 3)
    measured = emulation.measure(tmp_path, target, clips)
    np.testing.assert_array_equal(measured.scores, golden(read, clips))
    assert 0 < measured.stack_bytes < 1024


@pytest.mark.parametrize("target", ["cortex-m0", "cortex-m4"])
def test_reference_model(target, tmp_path):
    """132.7 million multiply-accumulates in the 16 KB of a micro:bit."""
    read, plan = generate(catalogue.find("custom-32/8").architecture, tmp_path, 16)
    clips = noise(read, 1)
    measured = emulation.measure(tmp_path, target, clips)
    np.testing.assert_array_equal(measured.scores, golden(read, clips))
    show(target, plan, measured)
    assert plan.state_bytes + measured.stack_bytes <= 4096
    assert measured.flash_bytes <= 102_500


def show(target, plan, measured):
    """Seen with `pytest -rP`."""
    mode = "sliding, a hop" if plan.sliding else "window"
    print(f"{target}, {plan.kernels.name}, {mode}: {measured.instructions[-1]} instructions, state {plan.state_bytes}, "
          f"stack {measured.stack_bytes}, flash {measured.flash_bytes} bytes")  # fmt: skip


SLIDING = [("portable", "cortex-m0"), ("portable", "cortex-m4"), ("dsp", "cortex-m4"), ("dsp_fast", "cortex-m4"),
           ("mve", "cortex-m55")]  # fmt: skip


@pytest.mark.parametrize(("kernels", "target"), [pair for pair in SLIDING if pair[0] in kernel_sets.MODULES])
def test_reference_model_sliding(kernels, target, tmp_path):
    """A hop of 2187 samples needs 18.94 of a window's 132.75 million multiply-accumulates, 0.143 of them."""
    architecture = catalogue.find("custom-32/8").architecture
    read, plan = generate(architecture, tmp_path, 16, kernels=kernels, mode="sliding")
    samples = noise(read, 2).ravel()[: read.input.length + plan.hop]
    measured = emulation.measure(tmp_path, target, samples)
    np.testing.assert_array_equal(measured.scores, golden(read, [samples[: -plan.hop], samples[plan.hop :]]))
    show(target, plan, measured)
    assert measured.instructions[1] < 0.16 * measured.instructions[0]
    if kernels == "portable":
        assert measured.instructions[1] < 0.141 * measured.instructions[0]  # which is 1.03 of window mode's
        assert plan.state_bytes + measured.stack_bytes <= 6144
    if kernels == "dsp_fast":
        assert measured.instructions[1] <= 9_000_000
        assert plan.state_bytes + measured.stack_bytes <= 16 << 10


def test_sliding_mode_costs_a_hop(tmp_path):
    """Equal scores; every hop costs the same, about its share of the window's multiply-accumulates."""
    read, _ = generate(SMALL, tmp_path / "sliding", mode="sliding", hop=60)
    window = read.input.length
    samples = noise(read, 2).ravel()[: window + 3 * 60 + 59]
    measured = emulation.measure(tmp_path / "sliding", "cortex-m4", samples)
    np.testing.assert_array_equal(measured.scores, golden(read, [samples[i * 60 :][:window] for i in range(4)]))
    hops = measured.instructions[1:]
    assert max(hops) < 1.001 * min(hops)  # the softmax takes a few more or less
    generate(SMALL, tmp_path / "window")
    whole = emulation.measure(tmp_path / "window", "cortex-m4", samples[:window]).instructions[0]
    assert max(hops) < 0.3 * whole  # a hop is 0.15 of the window, and the edges of so small a window are wide


def test_counts_are_the_same_every_time_and_add_up(tmp_path):
    read, plan = generate(SMALL, tmp_path)
    clips = np.repeat(noise(read, 1), 3, axis=0)
    first = emulation.measure(tmp_path, "cortex-m4", clips, push=200)  # every window in the same pieces
    assert emulation.measure(tmp_path, "cortex-m4", clips, push=200).instructions == first.instructions
    assert first.instructions[1] == first.instructions[2]  # the first has the reset in it
    staged = emulation.measure(tmp_path, "cortex-m4", clips, by_stage=True, push=200)
    assert len(staged.stage_instructions) == len(plan.stages) + 1
    assert sum(staged.stage_instructions) == staged.instructions[-1]
    assert first.instructions[0] / 2 < first.largest_push < first.instructions[0]  # at the end of so small a window
    halves = emulation.measure(tmp_path, "cortex-m4", clips, push=100)
    assert halves.largest_push < first.largest_push
    assert 0 <= staged.instructions[-1] - first.instructions[-1] < 0.05 * first.instructions[-1]


@pytest.mark.parametrize(("name", "mode"), [("small", "window"), ("small", "sliding"), ("large", "sliding")])
def test_an_even_pace_makes_no_push_twice_as_long_as_the_mean(name, mode, tmp_path):
    """Of 10 ms, at many places of the hops, on a Cortex-M4. Without it, it is about three times."""
    plan = codegen.generate_of(artifact.load(name), tmp_path, kernels="dsp_fast", mode=mode)
    samples = np.random.default_rng(0).integers(-32768, 32768, 16_000 + 8 * 1944).astype(np.int16)
    pushed = emulation.measure(tmp_path, "cortex-m4", samples, push=emulation.PUSH)
    evenly = emulation.measure(tmp_path, "cortex-m4", samples, push=emulation.PUSH, evenly=True)
    np.testing.assert_array_equal(evenly.scores, pushed.scores)
    mean = evenly.instructions[-1] * emulation.PUSH / plan.hop
    print(f"{name}, {mode}: mean {mean:.0f}, largest {evenly.largest_push}, without {pushed.largest_push}")
    assert evenly.largest_push < 1.6 * mean
    assert pushed.largest_push > 2.5 * mean
    assert 0 < evenly.flash_bytes - pushed.flash_bytes < 300


def test_counter_against_a_loop_of_known_length(tmp_path):
    """A kernel made 1000 subtractions and 1000 branches longer a call: exactly so many more, and a few around them."""
    read, _ = generate(SMALL, tmp_path)
    clips = noise(read, 2)
    before = emulation.measure(tmp_path, "cortex-m4", clips).instructions[-1]
    source = tmp_path / "edgekws_classify.c"
    loop = '__asm__ volatile("mov r3, #1000\\n1: subs r3, #1\\n bne 1b" ::: "r3", "cc");'
    text = source.read_text().replace("int8_t *scores)\n{\n    for", f"int8_t *scores)\n{{\n    {loop}\n    for")
    assert loop in text
    source.write_text(text)
    after = emulation.measure(tmp_path, "cortex-m4", clips).instructions[-1]
    assert 2001 <= after - before <= 2010  # saving r3 may take a few


def test_memory_that_does_not_suffice_is_an_error(tmp_path):
    read, _ = generate(Architecture("", (Block((Conv(64, 300), Conv(2, 300))),), (), 1000), tmp_path)
    with pytest.raises(
        UserError, match=r"^it does not fit the board's (flash|RAM): ([\d,]+ bytes too many|less than 1 KB)"
    ):
        emulation.measure(tmp_path, "cortex-m0", noise(read))


def test_errors(tmp_path):
    read, _ = generate(SMALL, tmp_path)
    with pytest.raises(UserError, match="no target is called 'cortex-m1'"):
        emulation.measure(tmp_path, "cortex-m1", noise(read))
    (tmp_path / "edgekws.c").write_text("this is not C")
    with pytest.raises(UserError, match=r"arm-none-eabi-gcc failed: .*edgekws\.c:1:1: error"):
        emulation.measure(tmp_path, "cortex-m4", noise(read))


def test_missing_tools_say_how_to_get_them(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert "apt install gcc-arm-none-eabi qemu-system-arm gcc" in emulation.missing_tools()


def test_a_disk_that_is_full_for_a_tool_is_told_as_the_temporary_folder():
    with (
        pytest.raises(UserError, match=r"temporary folder .* cannot be written \(No space left on device\)"),
        scratch(),
    ):
        emulation.tool(["sh", "-c", "echo 'a.o: No space left on device' >&2; exit 1"])
