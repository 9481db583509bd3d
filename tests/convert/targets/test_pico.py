"""The project for the Pico SDK: its programs against stand-ins, and built by the SDK and emulated where these are."""

import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import synthetic_tflite

from convert.engine import host_library
from convert.targets import Request, bundle
from convert.tflite.artifact import Artifact
from edgekws.listen import detector
from edgekws.listen.events import Event, listen
from edgekws.model.architecture import Architecture, Block, Convolution, MaxPool

STAND_INS = Path(__file__).parents[2] / "stand_ins" / "pico"
LABELS = ("yes", "no", "maybe")
TINY = Architecture("", (Block((Convolution(8, 40, 10),), MaxPool(3)), Block((Convolution(8, 5),), MaxPool(3))))
FLAGS = ("-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-DPIN_CLOCK=26", "-DPIN_DATA=28")
# The FIFO holds what the microphone says until so much has come; the interrupt is called as words come.
SDK = r"""
#include <stdio.h>
#include <stdlib.h>
#include "hardware/clocks.h"
#include "hardware/irq.h"
#include "hardware/pio.h"
#include "pico/stdlib.h"
PIO pio0;
static irq_handler_t handler;
static uint32_t word;
static bool there;
static unsigned divider;
bool stdio_init_all(void) { return true; }
void sleep_ms(uint32_t ms) { (void)ms; exit(3); }
uint32_t clock_get_hz(clock_handle_t clock) { (void)clock; return 125000000; }
void irq_set_exclusive_handler(unsigned number, irq_handler_t function) { (void)number; handler = function; }
void irq_set_enabled(unsigned number, bool enabled) { (void)number; (void)enabled; }
int pio_claim_unused_sm(PIO pio, bool required) { (void)pio; (void)required; return 2; }
bool pio_can_add_program(PIO pio, const pio_program_t *program) { (void)pio; return program->length < 32 && FREE; }
int pio_add_program(PIO pio, const pio_program_t *program) { (void)pio; (void)program; return 0; }
void pio_gpio_init(PIO pio, uint pin) { (void)pio; (void)pin; }
int pio_sm_set_consecutive_pindirs(PIO pio, uint sm, uint pins, uint count, bool out)
{ (void)pio; (void)sm; (void)pins; (void)count; (void)out; return 0; }
void sm_config_set_sideset_pins(pio_sm_config *config, uint base) { (void)config; (void)base; }
void sm_config_set_in_pins(pio_sm_config *config, uint base) { (void)config; (void)base; }
void sm_config_set_in_shift(pio_sm_config *config, bool right, bool autopush, uint threshold)
{ (void)config; if (right || !autopush || threshold != 32) exit(4); }
void sm_config_set_fifo_join(pio_sm_config *config, enum pio_fifo_join join) { (void)config; (void)join; }
void sm_config_set_clkdiv_int_frac(pio_sm_config *config, uint16_t whole, uint8_t part)
{ (void)config; divider = whole * 256u + part; if (divider != 15625) exit(5); } /* 61.03515625 of 125 MHz: 2.048 MHz */
int pio_sm_init(PIO pio, uint sm, uint offset, const pio_sm_config *config)
{ (void)pio; (void)sm; (void)offset; (void)config; return 0; }
void pio_set_irq0_source_enabled(PIO pio, enum pio_interrupt_source source, bool enabled)
{ (void)pio; (void)enabled; if (source != pis_sm0_rx_fifo_not_empty + 2) exit(6); }
void pio_sm_set_enabled(PIO pio, uint sm, bool enabled) { (void)pio; (void)sm; (void)enabled; }
bool pio_sm_is_rx_fifo_empty(PIO pio, uint sm) { (void)pio; (void)sm; return !there; }
uint32_t pio_sm_get(PIO pio, uint sm) { (void)pio; (void)sm; there = false; return word; }
void tight_loop_contents(void) /* nothing is left: more words come, now few, now many */
{
    static unsigned calls;
    for (unsigned count = 1 + calls++ * 37 % 700; count; count--) {
        if (fread(&word, 4, 1, stdin) != 1) exit(0);
        there = true;
        handler();
    }
}
"""


@pytest.fixture(scope="module")
def tuned():
    """A model with thresholds that random weights reach."""
    model = Artifact.of(synthetic_tflite.build(TINY, len(LABELS)), "test", LABELS, "mu_law")
    hop = host_library.hop(model)
    settings = detector.Settings((70, 80, 90), (68, 78, 88), results=2, minimum=1, refractory=1, hop=hop)
    return Artifact(**{**vars(model), "detector": detector.Tuned(settings)})


@pytest.fixture(scope="module")
def project(tuned, tmp_path_factory):
    return bundle.make(Request(tuned, None, "sliding"), "pico", tmp_path_factory.mktemp("pico") / "a pico")


def program(project, folder, *flags, main=None, free="1"):
    """The bundle's listen, or another main on its microphone, as a program here."""
    (folder / "sdk.c").write_text(SDK)
    sources = [main or project / "listen/listen.c", project / "listen/microphone.c", *(project / "src").glob("*.c")]
    includes = [f"-I{path}" for path in (STAND_INS, project / "src", project / "listen")]
    everything = [*includes, folder / "sdk.c", *sources]
    subprocess.run(["cc", *FLAGS, f"-DFREE={free}", *flags, *everything, "-o", folder / "app"], check=True)
    return folder / "app"


def test_listen_prints_the_words_of_the_pc_from_an_i2s_microphone(tuned, project, tmp_path):
    rng = np.random.default_rng(5)
    parts = [rng.normal(0, 10 ** rng.uniform(1, 4), 4000) for _ in range(24)]
    sound = np.clip(np.concatenate(parts), -32_768, 32_767).astype(np.int16)
    # the microphone's offset is taken away in front of the detector, so the PC hears what is left
    wide, mean, heard = sound.astype(np.int64) << 8, 0, []
    for value in wide.tolist():
        centred = value - mean
        mean += centred >> 12
        heard.append(min(max(centred >> 8, -32_768), 32_767))
    settings = tuned.detector.settings
    items = listen([np.array(heard, np.int16)], host_library.scorer(tuned).push, settings, LABELS)
    expected = [item.word for item in items if isinstance(item, Event)]
    assert len(expected) > 5
    app = program(project, tmp_path, "-DMICROPHONE_I2S", "-DGAIN_BITS=0")
    done = subprocess.run([app], input=(sound.astype("<i4") << 16).tobytes(), capture_output=True, check=True)
    assert done.stdout.decode().split() == expected


SAMPLES = r"""
#include <stdio.h>
#include "microphone.h"
#include "pico/stdlib.h"
int main(void)
{
    int16_t samples[100];
    if (!microphone_begin(16000)) return 1;
    for (;;) {
        const size_t count = microphone_read(samples, 100);
        fwrite(samples, 2, count, stdout);
        fflush(stdout);
        if (!count) tight_loop_contents();
    }
}
"""


def test_a_pdm_microphones_bits_become_the_sound_that_they_stand_for(project, tmp_path):
    (tmp_path / "main.c").write_text(SAMPLES)
    app = program(project, tmp_path, "-DMICROPHONE_PDM", "-DGAIN_BITS=2", main=tmp_path / "main.c")
    seconds, rate = 0.6, 1_024_000
    time = np.arange(int(seconds * rate)) / rate
    loud = 0.2 * np.sin(2 * np.pi * 1_000 * time)
    hiss = 0.2 * np.sin(2 * np.pi * 17_000 * time)  # at 16,000 samples a second it would be 1 kHz too
    bits, first, second = [], 0.0, 0.0
    for value in (loud + hiss).tolist():  # a microphone's modulator, of second order
        bit = second >= 0
        fed = 1.0 if bit else -1.0
        first += value - fed
        second += first - 2 * fed
        bits.append(bit)
    words = np.packbits(np.array(bits[: len(bits) // 32 * 32], np.uint8)).view(">u4").astype("<u4")
    done = subprocess.run([app], input=words.tobytes(), capture_output=True, check=True)
    heard = np.frombuffer(done.stdout, "<i2")[4_000:8_800].astype(float) / 32_768
    wave = np.exp(-2j * np.pi * np.arange(4_800) / 16)
    amplitude = 2 * abs(heard @ wave) / 4_800
    assert amplitude == pytest.approx(4 * 0.2, rel=0.02)
    rest = heard - 2 * np.real((heard @ wave) / 4_800 * np.conj(wave))
    assert np.sqrt((rest**2).mean()) < 0.003


def test_without_room_in_the_pio_it_is_said(project, tmp_path):
    done = subprocess.run(
        [program(project, tmp_path, "-DMICROPHONE_I2S", "-DGAIN_BITS=4", free="0")], capture_output=True
    )
    assert (done.returncode, done.stdout) == (3, b"no microphone: PIO 0 has no room for its program\n")


def test_a_board_that_is_too_slow_says_once_that_samples_are_lost(project, tmp_path):
    """More comes at a time than the ring holds."""
    app = program(project, tmp_path, "-DMICROPHONE_I2S", "-DGAIN_BITS=0")
    source = (tmp_path / "sdk.c").read_text().replace("1 + calls++ * 37 % 700", "9000 + 0 * calls++")
    assert "9000" in source
    (tmp_path / "slow.c").write_text(source)
    sources = [tmp_path / "slow.c", *(project / "listen").glob("*.c"), *(project / "src").glob("*.c")]
    includes = [f"-I{path}" for path in (STAND_INS, project / "src", project / "listen")]
    subprocess.run(["cc", *FLAGS, "-DFREE=1", "-DMICROPHONE_I2S", "-DGAIN_BITS=0", *includes, *sources, "-o", app],
                   check=True)  # fmt: skip
    done = subprocess.run([app], input=bytes(4 * 40_000), capture_output=True, check=True)
    assert done.stdout.decode().count("samples lost") == 1


@pytest.mark.skipif(shutil.which("cmake") is None, reason="no cmake here: pip install cmake")
def test_without_the_sdk_cmake_says_what_to_set(project, tmp_path):
    bare = {key: value for key, value in os.environ.items() if key != "PICO_SDK_PATH"}
    command = ["cmake", "-S", project, "-B", tmp_path / "b"]
    done = subprocess.run(command, env=bare, capture_output=True, text=True)
    assert done.returncode != 0
    assert re.search(r"PICO_SDK_PATH is not set: it must name a copy of the\s+Pico SDK", done.stderr)


def image_of(uf2: bytes, family: int) -> bytes:
    """What a UF2 writes from the start of the flash, as its format says; every block is for this family of chips."""
    image = b""
    for at in range(0, len(uf2), 512):
        first, second, flags, address, size, number, total, chips = struct.unpack_from("<8I", uf2, at)
        assert (first, second, flags, chips) == (0x0A324655, 0x9E5D5157, 0x2000, family)
        assert (address, size) == (0x10000000 + len(image), 256)
        assert (number, total) == (at // 512, len(uf2) // 512)
        assert uf2[at + 508 : at + 512] == b"\x30\x6f\xb1\x0a"
        image += uf2[at + 32 : at + 32 + size]
    return image


@pytest.fixture(scope="module")
def built(project, tmp_path_factory):
    """Both programs by the SDK, with its picotool; where that is not installed, the SDK fetches and builds it."""
    if not (os.environ.get("PICO_SDK_PATH") and shutil.which("arm-none-eabi-gcc") and shutil.which("cmake")):
        pytest.skip("no Pico SDK here: set PICO_SDK_PATH, apt install cmake gcc-arm-none-eabi libnewlib-arm-none-eabi")
    folder = tmp_path_factory.mktemp("pico-build")
    subprocess.run(["cmake", "-S", project, "-B", folder, "-DPICO_BOARD=pico"], check=True)
    subprocess.run(["cmake", "--build", folder, "-j2"], check=True)
    return folder


@pytest.mark.slow
def test_the_sdk_builds_both_programs_and_their_uf2(built):
    for program in ("selftest", "listen"):
        image = image_of((built / f"{program}.uf2").read_bytes(), family=0xE48BFF56)
        expected = (built / f"{program}.bin").read_bytes()
        assert image.rstrip(b"\0") == expected.rstrip(b"\0")
        assert len(image) - len(expected) < 256


CHIP = STAND_INS.parent / "rp2040"
ROM_FLAGS = ("-mcpu=cortex-m0plus", "-mthumb", "-Os", "-std=c99", "-Wall", "-Wextra", "-Werror", "-ffreestanding",
             "-nostdlib", "-fno-tree-loop-distribute-patterns", "-Wl,--build-id=none")  # fmt: skip


def emulate(program, folder, rom_source):
    """A program for RP2040 in rp2040js, with a boot ROM of the tests' own: the chip's is not in the package."""
    found = ["node", "-e", "require.resolve('rp2040js')"]
    if not shutil.which("node") or subprocess.run(found, capture_output=True).returncode:
        pytest.skip("no rp2040js here: npm install rp2040js, and set NODE_PATH to its node_modules")
    rom = folder / "rom"
    subprocess.run(["arm-none-eabi-gcc", *ROM_FLAGS, "-T", CHIP / "rom.ld", rom_source, "-o", rom], check=True)
    subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", rom, folder / "rom.bin"], check=True)
    run = ["node", CHIP / "run.cjs", folder / "rom.bin", program]
    return subprocess.run(run, capture_output=True, text=True, timeout=600)


@pytest.mark.slow
def test_the_self_test_passes_on_an_emulated_rp2040(built, tmp_path):
    done = emulate(built / "selftest.bin", tmp_path, CHIP / "rom.c")
    assert done.returncode == 0, done.stdout + done.stderr
    *checks, last = done.stdout.splitlines()
    assert len(checks) > 10
    assert all(line.startswith("ok ") for line in checks)
    assert last == "self-test PASSED"


@pytest.mark.slow
def test_the_self_test_names_what_differs_on_an_emulated_rp2040(built, tmp_path):
    """A weight of the last layer is another: a bit of the image, found by the layer's own bytes."""
    nm = ["arm-none-eabi-nm", built / "selftest.elf"]
    symbols = dict(line.split()[::-2] for line in subprocess.check_output(nm, text=True).splitlines())
    address = int(symbols["dense_0_weights"], 16)
    headers = subprocess.check_output(["arm-none-eabi-objdump", "-h", built / "selftest.elf"], text=True)
    sections = re.findall(r"^ *\d+ \.\S+ +(\w+) +(\w+) +(\w+)", headers, re.MULTILINE)
    (at,) = [
        address - in_ram + in_flash - 0x10000000
        for size, in_ram, in_flash in ([int(number, 16) for number in section] for section in sections)
        if in_ram <= address < in_ram + size and in_flash >= 0x10000000 and in_ram != in_flash
    ]
    image = bytearray((built / "selftest.bin").read_bytes())
    image[at] ^= 1
    (tmp_path / "other.bin").write_bytes(image)
    done = emulate(tmp_path / "other.bin", tmp_path, CHIP / "rom.c")
    assert done.returncode == 1, done.stderr
    assert "FAILED weights dense 1" in done.stdout.splitlines()


@pytest.mark.slow
def test_a_function_that_the_boot_rom_lacks_stops_the_emulator(built, tmp_path):
    """Else a program would run on from address 0, and be wrong somewhere else."""
    source = (CHIP / "rom.c").read_text()
    (tmp_path / "less.c").write_text(source.replace("{CODE('I', 'F'), nothing}, ", ""))
    done = emulate(built / "selftest.bin", tmp_path, tmp_path / "less.c")
    assert done.returncode == 2
    assert "the boot ROM has no such function" in done.stderr
