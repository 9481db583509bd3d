"""A real microphone, as far as programs can tell: the monitor of a PulseAudio server of the test's own."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

SINK = ("module-null-sink", "sink_name=speaker", "rate=48000")
ALSA = "</usr/share/alsa/alsa.conf>\npcm.!default { type pulse }\nctl.!default { type pulse }\n"
HEAR = """
import sys
from edgekws.audio import Faults, microphone
faults = Faults()
for block in microphone.blocks(faults):
    sys.stdout.buffer.write(block.tobytes())
    sys.stdout.flush()
    if faults.lines(Faults()):
        print(faults.lines(Faults()), file=sys.stderr, flush=True)
"""


def missing():
    """What is not here of what it takes."""
    found = [name for name in ("pulseaudio", "pactl", "paplay") if not shutil.which(name)]
    if not list(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so")):
        found.append("ALSA's module for PulseAudio")
    try:
        import sounddevice  # noqa: F401
    except (ImportError, OSError) as error:  # without PortAudio
        found.append(str(error))
    return found


needs_a_sound_server = pytest.mark.skipif(
    bool(missing()),
    reason=f"no {', '.join(missing())}: apt install pulseaudio pulseaudio-utils libasound2-plugins libportaudio2, and "
    "pip install 'edgekws[microphone]'",
)


@pytest.fixture
def environment(tmp_path):
    """In which programs find the sound server."""
    (tmp_path / "alsa.conf").write_text(ALSA)
    socket = tmp_path / "socket"
    found = os.environ | {
        "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path), "PULSE_SERVER": f"unix:{socket}",
        "ALSA_CONFIG_PATH": str(tmp_path / "alsa.conf"),
    }  # fmt: skip
    tmp_path.chmod(0o700)
    loads = [f"--load=module-native-protocol-unix auth-anonymous=1 socket={socket}", f"--load={' '.join(SINK)}"]
    with subprocess.Popen(["pulseaudio", "-n", "--exit-idle-time=-1", *loads], env=found) as server:
        try:
            for _ in range(100):
                if not subprocess.run(["pactl", "info"], env=found, capture_output=True).returncode:
                    break
                time.sleep(0.1)
            yield found
        finally:
            server.terminate()


@pytest.mark.slow
@pytest.mark.alone
@needs_a_sound_server
def test_it_is_heard_unplugged_and_heard_again_at_the_right_times(environment, tmp_path):
    tone = np.zeros(16_000)
    tone[8_000:] = 0.5 * np.sin(np.arange(8_000) * 0.3)
    soundfile.write(tmp_path / "tone.wav", tone, 16_000)
    played = []

    def run(*command):
        subprocess.run(command, env=environment, check=True, capture_output=True)

    def play():
        played.append(time.monotonic())
        run("paplay", str(tmp_path / "tone.wav"))

    with (
        open(tmp_path / "heard", "wb") as heard,
        open(tmp_path / "told", "wb") as told,
        subprocess.Popen([sys.executable, "-c", HEAR], env=environment, stdout=heard, stderr=told) as listener,
    ):
        try:
            while (tmp_path / "heard").stat().st_size < 16_000:  # it listens
                assert listener.poll() is None, (tmp_path / "told").read_text()
                time.sleep(0.1)
            play()
            time.sleep(1)
            run("pactl", "unload-module", "module-null-sink")
            while "the microphone was lost" not in (tmp_path / "told").read_text():
                assert listener.poll() is None
                time.sleep(0.1)
            run("pactl", "load-module", *SINK)
            time.sleep(4)  # it is looked for every second
            play()
            time.sleep(1)
        finally:
            listener.terminate()
    sound = np.frombuffer((tmp_path / "heard").read_bytes(), np.int16)
    loud = np.flatnonzero(np.abs(sound.astype(int)) > 8_000)
    starts = loud[np.diff(loud, prepend=-16_000) > 8_000] / 16_000
    assert len(starts) == 2, "both tones, each once"
    assert starts[1] - starts[0] == pytest.approx(played[1] - played[0], abs=0.3)
