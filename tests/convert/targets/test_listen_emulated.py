"""The Listen example on an emulated Cortex-M, fed with a recording as its microphone would: the events of the PC."""

import dataclasses
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
import synthetic_tflite
from serial_port import serial_lines

from convert import bundle, emulation, host_engine
from convert.artifact import Artifact
from convert.targets import Request, bare_metal
from edgekws import catalogue, streams
from edgekws.detector import Settings, Tuned
from edgekws.listen import Event, listen

STAND_INS = Path(__file__).parents[2] / "stand_ins" / "esp-idf"
LABELS = ("yes", "no", "maybe")
# The recording lies in flash; the microphone's 32-bit frames hold a sample in their upper half, as an I2S microphone's.
MAIN = r"""
#include <stdarg.h>
#include <string.h>
#include "driver/i2s_std.h"
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
    if (heard == SAMPLES) { uart_print("self-test ended\n"); for (;;) { } }
    if (count > SAMPLES - heard) count = SAMPLES - heard;
    for (size_t i = 0; i < count; i++) ((int32_t *)to)[i] = (int32_t)samples[heard++] * 65536;
    *read = 4 * count;
    return ESP_OK;
}
int main(void) { uart_begin(); app_main(); return 0; }
void fault(void) { uart_print("self-test: a fault\n"); for (;;) { } }
"""


@pytest.mark.skipif(bool(emulation.missing_tools()), reason=emulation.missing_tools() or "all there")
def test_a_recording_baked_into_the_image_gives_the_events_of_the_pc(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEKWS_CACHE", str(tmp_path / "cache"))
    content = synthetic_tflite.build(catalogue.find("nano").architecture, len(LABELS))
    artifact = Artifact.of(content, "test", LABELS, "mu_law")
    hop = host_engine.scorer(artifact).hop
    # random weights are seldom sure: thresholds near a third give events
    settings = Settings((70, 80, 90), (68, 78, 88), results=2, minimum=1, refractory=1, hop=hop)
    artifact = dataclasses.replace(artifact, detector=Tuned(settings))
    rng = np.random.default_rng(5)
    parts = [rng.normal(0, 10 ** rng.uniform(1, 4), 4000) for _ in range(24)]
    sound = np.clip(np.concatenate(parts), -32_768, 32_767).astype(np.int16)
    soundfile.write(tmp_path / "a recording.wav", sound, 16_000)

    blocks = streams.recording(tmp_path / "a recording.wav", streams.Faults())
    heard = listen(blocks, host_engine.scorer(artifact).push, settings, LABELS)
    expected = [item.word for item in heard if isinstance(item, Event)]
    assert len(expected) > 5
    assert len(set(expected)) > 1

    request = Request(artifact, None, "sliding")
    board = bundle.make(request, "mps2-an386", tmp_path / "board")
    example = bundle.make(request, "esp-idf", tmp_path / "idf") / "examples/listen/main/listen.c"
    shutil.copy(example, board / "listen.c")
    (board / "main.c").write_text(MAIN)
    listed = ",".join(map(str, sound.tolist()))
    (board / "samples.h").write_text(
        f"#define SAMPLES {len(sound)}u\nstatic const int16_t samples[SAMPLES] = {{{listed}}};\n"
    )
    subprocess.run(
        ["arm-none-eabi-gcc", *emulation.TARGETS["cortex-m4"].flags, *bare_metal.OPTIONS, "-DCONFIG_LISTEN_GAIN_BITS=0",
         *(f"-DCONFIG_LISTEN_I2S_{pin}=1" for pin in ("CLOCK", "SELECT", "DATA")), "-Isrc", "-I.", f"-I{STAND_INS}",
         "main.c", "listen.c", "startup.c", "uart.c", *map(str, sorted((board / "src").glob("*.c"))),
         "-nostartfiles", "-Wl,--gc-sections", "-Wl,-T,link.ld", "-o", "listen.elf"],
        cwd=board, check=True,
    )  # fmt: skip
    lines = serial_lines("mps2-an386", board / "listen.elf")
    assert lines[-1] == "self-test ended"
    assert lines[0].startswith("samples lost")
    assert lines[1:-1] == expected
