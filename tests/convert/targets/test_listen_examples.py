"""The Listen examples, one on an emulated Cortex-M, fed with a recording as by their microphones: the PC's events."""

import dataclasses
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import soundfile
import synthetic_tflite
from serial_port import serial_lines

from convert.engine import emulation, host_library
from convert.targets import Request, bare_metal, bundle
from convert.tflite.artifact import Artifact
from edgekws import audio
from edgekws.listen.detector import Settings, Tuned
from edgekws.listen.events import Event, listen, within_quiet
from edgekws.model import catalogue, front_end

STAND_INS = Path(__file__).parents[2] / "stand_ins"
LABELS = ("yes", "no", "maybe")
# The recording lies in flash; the microphone's 32-bit frames hold a sample in their upper half, as an I2S microphone's.
MAIN = r"""
#include <stdarg.h>
#include <string.h>
#include "driver/i2s_std.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "samples.h"
#include "uart.h"
void app_main(void);
void fault(void);
int puts(const char *line);
int printf(const char *format, ...);
int puts(const char *line) { uart_print(line); uart_print("\n"); return 0; }
int printf(const char *format, ...)
{
    va_list more;
    va_start(more, format);
    if (!strcmp(format, "%s\n")) puts(va_arg(more, const char *)); else uart_print(format);
    va_end(more);
    return 0;
}
static uint32_t ticks, rests;
esp_err_t i2s_new_channel(const i2s_chan_config_t *s, i2s_chan_handle_t *out, i2s_chan_handle_t *in)
{ (void)s; (void)out; *in = 0; return ESP_OK; }
esp_err_t i2s_channel_init_std_mode(i2s_chan_handle_t c, const i2s_std_config_t *f) { (void)c; (void)f; return ESP_OK; }
static i2s_isr_callback_t overflow;
esp_err_t i2s_channel_register_event_callback(i2s_chan_handle_t c, const i2s_event_callbacks_t *events, void *context)
{ (void)c; (void)context; overflow = events->on_recv_q_ovf; return ESP_OK; }
esp_err_t i2s_channel_enable(i2s_chan_handle_t channel) { (void)channel; return ESP_OK; }
esp_err_t i2s_channel_read(i2s_chan_handle_t channel, void *to, size_t size, size_t *read, uint32_t timeout)
{
    static size_t heard;
    static unsigned calls;
    if (calls < 2) overflow(channel, &(i2s_event_data_t){0, 960}, 0); /* what was before the recording is lost */
    size_t count = 1 + calls++ * 37 % (size / 4); /* as many as have come, never as many as fit */
    (void)timeout;
    if (heard == SAMPLES) {
        uart_print(rests ? "self-test ended\n" : "self-test: the idle task starves\n");
        for (;;) { }
    }
    if (count > SAMPLES - heard) count = SAMPLES - heard;
    for (size_t i = 0; i < count; i++) ((int32_t *)to)[i] = (int32_t)samples[heard++] * 65536;
    *read = 4 * count;
    return ESP_OK;
}
TickType_t xTaskGetTickCount(void) { return ticks += 20; } /* slower than real time: a read never waits */
void vTaskDelay(uint32_t count) { rests += count; }
int main(void) { uart_begin(); app_main(); return 0; }
void fault(void) { uart_print("self-test: a fault\n"); for (;;) { } }
"""


# As many samples a time as have come; the sketch's loop runs in between.
ARDUINO = r"""
#include <Arduino.h>
#include <PDM.h>
#include <algorithm>
#include <cstring>
#include "samples.h"
Stream Serial;
PDMClass PDM;
static size_t heard, arrived;
static void (*receive)();
int PDMClass::begin(int, int) { return 1; }
void PDMClass::onReceive(void (*function)()) { receive = function; }
int PDMClass::available() { return 2 * (int)(arrived - heard); }
int PDMClass::read(void *to, size_t size)
{
  const size_t count = std::min(size / 2, arrived - heard);
  std::memcpy(to, samples + heard, 2 * count);
  heard += count;
  return 2 * (int)count;
}
int main()
{
  setup();
  for (unsigned calls = 0; heard < SAMPLES; calls++) {
    arrived = std::min<size_t>(SAMPLES, arrived + 1 + calls * 37 % 700);
    receive();
    for (int i = 0; i < 6; i++) loop();
  }
}
"""
ZEPHYR = r"""
#include <stdlib.h>
#include <string.h>
#include <zephyr/audio/dmic.h>
#include <zephyr/kernel.h>
#include "samples.h"
const struct device dmic_dev = {"a recording"};
static struct pcm_stream_cfg stream;
static int16_t block_of[4][1024];
static int taken;
bool device_is_ready(const struct device *device) { (void)device; return true; }
uint32_t dmic_build_channel_map(uint8_t channel, uint8_t pdm, enum pdm_lr side) { return channel + pdm + side; }
int dmic_configure(const struct device *device, struct dmic_cfg *settings)
{ (void)device; stream = settings->streams[0]; return 0; }
int dmic_trigger(const struct device *device, enum dmic_trigger trigger) { (void)device; (void)trigger; return 0; }
int dmic_read(const struct device *device, uint8_t number, void **block, size_t *size, int32_t timeout)
{
    static size_t heard;
    static int fails = 1;
    (void)device; (void)number; (void)timeout;
    if (heard == SAMPLES) exit(taken ? 2 : 0);
    if (fails) return fails--, -5; /* what was before the recording is lost */
    size_t count = stream.block_size / 2;
    if (count > SAMPLES - heard) count = SAMPLES - heard;
    *block = memcpy(block_of[0], samples + heard, 2 * count);
    *size = 2 * count;
    heard += count;
    taken++;
    return 0;
}
int32_t k_msleep(int32_t ms) { (void)ms; return 0; }
void k_mem_slab_free(struct k_mem_slab *slab, void *block) { (void)slab; (void)block; taken--; }
"""


@dataclasses.dataclass(frozen=True)
class Heard:
    """A tuned model, a recording, and the words that ``listen`` detects in it."""

    request: Request
    sound: np.ndarray
    expected: list[str]
    path: Path  # of the sound

    def write_samples(self, folder: Path) -> None:
        listed = ",".join(map(str, self.sound.tolist()))
        (folder / "samples.h").write_text(
            "#include <stdint.h>\n"
            f"#define SAMPLES {len(self.sound)}u\nstatic const int16_t samples[SAMPLES] = {{{listed}}};\n"
        )


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    folder, patch = tmp_path_factory.mktemp("recording"), pytest.MonkeyPatch()
    patch.setenv("EDGEKWS_CACHE", str(folder / "cache"))
    content = synthetic_tflite.build(catalogue.find("nano").architecture, len(LABELS))
    artifact = Artifact.of(content, "test", LABELS, "mu_law")
    hop = host_library.scorer(artifact).hop
    # random weights are seldom sure: thresholds near a third give events
    always = Settings((70, 80, 90), (68, 78, 88), results=2, minimum=1, refractory=1, hop=hop)
    settings = dataclasses.replace(always, opened_by=(LABELS.index("yes"),), open=6)
    artifact = dataclasses.replace(artifact, detector=Tuned(settings))
    rng = np.random.default_rng(5)
    parts = [rng.normal(0, 10 ** rng.uniform(1, 4), 4000) for _ in range(24)]
    sound = np.clip(np.concatenate(parts), -32_768, 32_767).astype(np.int16)
    soundfile.write(folder / "a recording.wav", sound, 16_000)

    def words(settings: Settings) -> list[str]:
        blocks = audio.blocks(folder / "a recording.wav", audio.Faults())
        items = listen(blocks, host_library.scorer(artifact).push, settings, LABELS)
        return [item.word for item in items if isinstance(item, Event)]

    expected = words(settings)
    assert len(expected) > 5
    assert len(set(expected)) > 1
    assert expected != words(always), "some words come when nothing has opened the detector"
    patch.undo()
    return Heard(Request(artifact, None, "sliding"), sound, expected, folder / "a recording.wav")


@pytest.mark.skipif(not shutil.which("c++"), reason="apt install g++")
def test_the_arduino_sketch_gives_the_events_of_the_pc(heard, tmp_path):
    """Its ring buffer and loop, on this machine."""
    folder = bundle.make(heard.request, "platformio", tmp_path / "a bundle")
    heard.write_samples(tmp_path)
    (tmp_path / "main.cpp").write_text(ARDUINO)
    (tmp_path / "sketch.cpp").write_text("#include <Arduino.h>\n" + (folder / "examples/Listen/Listen.ino").read_text())
    flags = [f"-I{STAND_INS / name}" for name in ("arduino", "arduino-pdm")] + [f"-I{folder / 'src'}", "-I."]
    sources = sorted((folder / "src").glob("*.c"))
    subprocess.run(["cc", "-O1", "-c", *sources], cwd=tmp_path, check=True)
    subprocess.run(
        ["c++", "-std=c++11", "-O1", "-DARDUINO_ARCH_MBED", *flags, "main.cpp", "sketch.cpp",
         *(f"{path.stem}.o" for path in sources), "-o", "app"],
        cwd=tmp_path, check=True,
    )  # fmt: skip
    done = subprocess.run([tmp_path / "app"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == heard.expected


def test_the_zephyr_sample_gives_the_events_of_the_pc(heard, tmp_path):
    """Its blocks and loop, on this machine."""
    folder = bundle.make(heard.request, "zephyr", tmp_path / "a bundle")
    heard.write_samples(tmp_path)
    (tmp_path / "microphone.c").write_text(ZEPHYR)
    sources = [folder / "samples/listen/src/main.c", *sorted((folder / "src").glob("*.c"))]
    subprocess.run(
        ["cc", "-std=gnu11", "-O1", f"-I{STAND_INS / 'zephyr'}", f"-I{folder / 'src'}", "-I.",
         "microphone.c", *sources, "-o", "app"],
        cwd=tmp_path, check=True,
    )  # fmt: skip
    lines = subprocess.run([tmp_path / "app"], capture_output=True, text=True, check=True).stdout.splitlines()
    assert lines[0].startswith("samples lost")
    assert lines[1:] == heard.expected


@pytest.mark.skipif(bool(emulation.missing_tools()), reason=emulation.missing_tools() or "all there")
def test_a_recording_baked_into_the_image_gives_the_events_of_the_pc(heard, tmp_path):
    board = bundle.make(heard.request, "mps2-an386", tmp_path / "board")
    example = bundle.make(heard.request, "esp-idf", tmp_path / "idf") / "examples/listen/main/listen.c"
    shutil.copy(example, board / "listen.c")
    (board / "main.c").write_text(MAIN)
    heard.write_samples(board)
    subprocess.run(
        ["arm-none-eabi-gcc", *emulation.TARGETS["cortex-m4"].flags, *bare_metal.OPTIONS, 
         "-DCONFIG_EDGEKWS_TEST_LISTEN_GAIN_BITS=0",
         *(f"-DCONFIG_EDGEKWS_TEST_LISTEN_I2S_{pin}=1" for pin in ("CLOCK", "SELECT", "DATA")), "-Isrc", "-I.",
         f"-I{STAND_INS / 'esp-idf'}",
         "main.c", "listen.c", "startup.c", "uart.c", *map(str, sorted((board / "src").glob("*.c"))),
         "-nostartfiles", "-Wl,--gc-sections", "-Wl,-T,link.ld", "-o", "listen.elf"],
        cwd=board, check=True,
    )  # fmt: skip
    lines = serial_lines("mps2-an386", board / "listen.elf")
    assert lines[-1] == "self-test ended"
    assert lines[0].startswith("samples lost")
    assert lines[1:-1] == heard.expected


@pytest.mark.skipif(bool(emulation.missing_tools()), reason=emulation.missing_tools() or "all there")
@pytest.mark.parametrize("board", [board.name for board in bare_metal.BOARDS])
def test_a_board_gives_the_words_and_times_of_the_pc(board, heard, tmp_path):
    """With the quiet before and after it that ``edgekws listen FILE`` has."""
    folder = bundle.make(heard.request, board, tmp_path / "a bundle")
    content = heard.path.read_bytes()
    odd = b"LIST\3\0\0\0abc\0"  # chunks begin at even places
    (tmp_path / "it.wav").write_bytes(content[:12] + odd + content[12:])
    subprocess.run(["make", "-s", "listen.elf", "WAV=../it.wav"], cwd=folder, check=True)
    lines = serial_lines(board, folder / "listen.elf", last="the recording has ended")
    artifact = heard.request.artifact
    settings = artifact.detector.settings
    blocks = within_quiet(audio.blocks(heard.path, audio.Faults()), settings)
    items = listen(blocks, host_library.scorer(artifact).push, settings, LABELS, settings.delay)
    events = [item for item in items if isinstance(item, Event)]
    assert [event.word for event in events] != heard.expected, "the quiet changes something"
    expected = [f"{round(event.time * 16_000) // 16} ms  {event.word}" for event in events]
    assert lines == [*expected, "the recording has ended"]


@pytest.mark.skipif(bool(emulation.missing_tools()), reason=emulation.missing_tools() or "all there")
def test_a_board_says_what_recording_it_wants(heard, tmp_path):
    folder = bundle.make(heard.request, "mps2-an386", tmp_path / "bundle")
    done = subprocess.run(["make", "-s", "listen.elf"], cwd=folder, capture_output=True, text=True)
    assert done.returncode
    assert "make listen.elf WAV=FILE" in done.stdout
    sound = np.zeros(16_000, np.int16)
    soundfile.write(tmp_path / "slow.wav", sound, 8_000)
    soundfile.write(tmp_path / "float.wav", sound / 2, 16_000, "FLOAT")
    soundfile.write(tmp_path / "stereo.wav", np.stack([sound, sound], 1), 16_000)
    (tmp_path / "cut.wav").write_bytes(heard.path.read_bytes()[:40])
    (tmp_path / "empty.wav").write_bytes(b"")
    for name in ("slow", "float", "stereo", "cut", "empty"):
        subprocess.run(["make", "-s", "listen.elf", f"WAV=../{name}.wav"], cwd=folder, check=True)
        lines = serial_lines("mps2-an386", folder / "listen.elf", last="expected")
        assert "expected a WAV file of 16 bits, one channel" in lines[-1], name


AMPLIFIED = r"""
#include <stdint.h>
#include <stdio.h>
#define CONFIG_EDGEKWS_LISTEN_GAIN_BITS 4
FUNCTION
int main(void)
{
    int32_t wide;
    while (fread(&wide, sizeof wide, 1, stdin)) {
        const int16_t sample = amplified(wide);
        fwrite(&sample, sizeof sample, 1, stdout);
    }
    return 0;
}
"""


@pytest.mark.parametrize("offset", [-0.5, 0.006, 0.1])
def test_an_esp_microphones_offset_takes_no_room_of_the_sound_that_is_amplified(offset, tmp_path):
    example = files("firmware_assets") / "templates/esp-idf/examples/listen/main/listen.c"
    function = re.search(r"static int16_t amplified.*?\n}\n", example.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "main.c").write_text(AMPLIFIED.replace("FUNCTION", function[0]))
    subprocess.run(["cc", "-O1", "-Wall", "-Werror", "main.c", "-o", "amplified"], cwd=tmp_path, check=True)
    tone = 0.05 * np.sin(np.arange(96_000) * 2 * np.pi / 40)  # 0.8 of full scale when 16 times as loud
    wide = np.round((tone + offset) * 2**31).astype("<i4")
    done = subprocess.run([tmp_path / "amplified"], input=wide.tobytes(), capture_output=True, check=True)
    heard = front_end.process(np.frombuffer(done.stdout, "<i2"), False)[64_000:]  # after four seconds
    assert np.abs(heard / 32_768 - 16 * tone[64_000:]).max() < 0.01
