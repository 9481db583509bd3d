"""Make music by chance: a minute a piece, as General MIDI, played by FluidSynth.

It shows how often music sets a model off (`edgekws measure`), and serves as no word in training (`data.unknown_from`).
Each number is a piece of its own, the same one whenever it is made. It needs the Python package mido, and Debian's
fluidsynth and fluid-soundfont-gm (FluidR3, MIT licence).

    python docs/make_music.py music-made --pieces 0 120
"""

import argparse
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import mido
import numpy as np
import soundfile

from edgekws import audio
from edgekws.progress import progress_bar

SOUND_FONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
SECONDS, TICKS, DRUMS, BEND = 60, 480, 9, 8192
SCALES = (
    (0, 2, 4, 5, 7, 9, 11),
    (0, 2, 3, 5, 7, 8, 10),
    (0, 2, 3, 5, 7, 8, 11),
    (0, 2, 3, 5, 7, 9, 10),
    (0, 1, 4, 5, 7, 8, 10),
    (0, 2, 4, 6, 8, 10),
    (0, 2, 4, 7, 9),
    (0, 3, 5, 7, 10),
)
# Voices, whistles, saxophones, strings and leads are nearest to speech.
NEAR_SPEECH = (29, 30, 40, 52, 53, 54, 56, 65, 66, 71, 73, 80, 81, 85, 91)
Event = tuple[float, mido.Message]


def note(beat: float, beats: float, channel: int, number: float, loudness: float) -> Iterator[Event]:
    pitch, velocity = int(np.clip(number, 12, 115)), int(np.clip(loudness, 15, 127))
    yield beat, mido.Message("note_on", channel=channel, note=pitch, velocity=velocity)
    yield beat + 0.97 * beats, mido.Message("note_off", channel=channel, note=pitch)


def glide(rng: np.random.Generator, beat: float, beats: float, channel: int) -> Iterator[Event]:
    first, last = rng.integers(-BEND, BEND, 2) if rng.random() < 0.5 else (rng.integers(-BEND // 2, BEND // 2), 0)
    for part in np.linspace(0, 1, 8):
        yield (
            beat + 0.9 * beats * part,
            mido.Message("pitchwheel", channel=channel, pitch=int(first + (last - first) * part)),
        )
    yield beat + 0.99 * beats, mido.Message("pitchwheel", channel=channel, pitch=0)


class Piece:
    """What all parts of a piece share: the key, its chords and its length in beats."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.tempo = rng.uniform(60, 180)
        self.beats = int(SECONDS * self.tempo / 60)
        self.scale = SCALES[rng.integers(len(SCALES))]
        self.root = int(rng.integers(36, 48))
        self.chords = [int(rng.integers(len(self.scale))) for _ in range(int(rng.choice([2, 4, 8])))]

    def pitch(self, step: int) -> int:
        return self.root + 12 * (step // len(self.scale)) + self.scale[step % len(self.scale)]

    def chord(self, beat: float) -> int:
        return self.chords[int(beat // 4) % len(self.chords)]

    def loudness(self, mean: float) -> float:
        return mean + self.rng.normal(0, 6)

    def starts(self, beats: float) -> np.ndarray:
        return np.arange(4 * int(self.rng.choice([0, 0, 0, 2, 4])), self.beats, beats)


Part = Callable[[Piece, int, float], Iterator[Event]]


def chords(piece: Piece, channel: int, mean: float) -> Iterator[Event]:
    rng = piece.rng
    beats, octave = float(rng.choice([4, 2, 1, 0.5])), len(piece.scale) * int(rng.integers(1, 3))
    for beat in piece.starts(beats):
        if rng.random() < 0.9:
            for step in (0, 2, 4, 6) if rng.random() < 0.3 else (0, 2, 4):
                yield from note(
                    beat, beats, channel, piece.pitch(piece.chord(beat) + octave + step), piece.loudness(mean)
                )


def bass(piece: Piece, channel: int, mean: float) -> Iterator[Event]:
    rng = piece.rng
    beats = float(rng.choice([2, 1, 0.5]))
    for beat in piece.starts(beats):
        if rng.random() < 0.85:
            yield from note(
                beat, beats, channel, piece.pitch(piece.chord(beat)) + rng.choice([0, 0, 0, 7]), piece.loudness(mean)
            )


def arpeggio(piece: Piece, channel: int, mean: float) -> Iterator[Event]:
    rng = piece.rng
    beats, octave = float(rng.choice([0.5, 0.25, 1 / 3])), len(piece.scale) * int(rng.integers(1, 4))
    steps = rng.permutation([0, 2, 4, 7, 4, 2, 9, 11])[: rng.integers(3, 8)]
    for turn, beat in enumerate(piece.starts(beats)):
        yield from note(
            beat,
            beats,
            channel,
            piece.pitch(piece.chord(beat) + octave + int(steps[turn % len(steps)])),
            piece.loudness(mean),
        )


def melody(piece: Piece, channel: int, mean: float) -> Iterator[Event]:
    rng, scale = piece.rng, len(piece.scale)
    glides = rng.random() < 0.35
    motif = [
        (float(rng.choice([0.25, 0.5, 0.5, 1, 1, 1.5, 2, 3])), int(rng.integers(-3, 4)))
        for _ in range(rng.integers(4, 12))
    ]
    step, beat, turn = int(scale * rng.integers(1, 4) + rng.integers(scale)), float(piece.starts(1)[0]), 0
    while beat < piece.beats:
        beats, rise = (
            motif[turn % len(motif)]
            if rng.random() < 0.7
            else (float(rng.choice([0.25, 0.5, 1, 2])), int(rng.integers(-4, 5)))
        )
        step, turn = int(np.clip(step + rise, scale, 5 * scale)), turn + 1
        if rng.random() < 0.85:
            yield from note(beat, beats, channel, piece.pitch(step), piece.loudness(mean))
            if glides and rng.random() < 0.4:
                yield from glide(rng, beat, beats, channel)
        beat += beats


def drums(piece: Piece) -> Iterator[Event]:
    rng = piece.rng
    often = (
        (36, 0.4),
        (38, 0.25),
        (42, 0.6),
        (46, 0.15),
        (49, 0.03),
        *((int(rng.integers(35, 82)), 0.2) for _ in range(2)),
    )
    bars = [(drum, rng.random(16) < share) for drum, share in often]
    for beat in np.arange(0, piece.beats, 0.25):
        for drum, bar in bars:
            if bar[int(beat * 4) % 16] and rng.random() < 0.95:
                yield from note(beat, 0.2, DRUMS, drum, rng.uniform(50, 120))


def instrument(rng: np.random.Generator, part: Part) -> int:
    """The number of a General MIDI program, from 0."""
    if part is bass:
        return int(rng.integers(32, 40))
    return int(rng.integers(104) if rng.random() < 0.8 else rng.choice(NEAR_SPEECH))


def events(seed: int) -> tuple[float, list[Event]]:
    """A piece: its tempo, in beats a minute, and its messages with the beat of each, in order."""
    rng = np.random.default_rng(seed)
    piece = Piece(rng)
    parts: list[Part] = [melody] * int(rng.integers(1, 4))
    parts += [part for part, share in ((chords, 0.75), (bass, 0.7), (arpeggio, 0.3)) if rng.random() < share]
    found: list[Event] = []
    for channel, part in enumerate(parts):
        found.append((0.0, mido.Message("program_change", channel=channel, program=instrument(rng, part))))
        found += part(piece, channel, rng.uniform(50, 115))
    if rng.random() < 0.7:
        found += drums(piece)
    return piece.tempo, sorted(found, key=lambda event: (event[0], event[1].type == "note_on"))


def play(seed: int, sound_font: Path) -> np.ndarray:
    """Samples of a piece, float64 at 16 kHz, one channel, 0.7 of full scale at most."""
    tempo, messages = events(seed)
    track, now = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tempo))]), 0
    for beat, message in messages:
        tick = max(round(beat * TICKS), now)
        track.append(message.copy(time=tick - now))
        now = tick
    with tempfile.TemporaryDirectory() as folder:
        score, sound = Path(folder) / "piece.mid", Path(folder) / "piece.wav"
        mido.MidiFile(ticks_per_beat=TICKS, tracks=[track]).save(score)
        subprocess.run(
            ["fluidsynth", "-niq", "-r", "16000", "-g", "0.5", "-F", sound, sound_font, score],
            check=True,
            capture_output=True,
        )
        samples = soundfile.read(sound, always_2d=True)[0].mean(1)[: SECONDS * audio.SAMPLE_RATE]
    return 0.7 * samples / max(np.abs(samples).max(), 1e-6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the folder for the pieces")
    parser.add_argument(
        "--pieces", type=int, nargs=2, metavar=("FIRST", "END"), default=(0, 60), help="(default: 0 60)"
    )
    parser.add_argument("--sound-font", type=Path, default=SOUND_FONT, metavar="SF2")
    asked = parser.parse_args()
    if not shutil.which("fluidsynth"):
        parser.error("the program fluidsynth is not installed; on Debian: apt-get install fluidsynth")
    if not asked.sound_font.is_file():
        parser.error(f"{asked.sound_font}: no such sound font; on Debian: apt-get install fluid-soundfont-gm")
    asked.out.mkdir(parents=True, exist_ok=True)
    seeds = range(*asked.pieces)
    with progress_bar("playing", len(seeds), unit="piece") as bar:
        for seed in seeds:
            samples = play(seed, asked.sound_font)
            soundfile.write(asked.out / f"made-{seed}_nohash_0.wav", samples, audio.SAMPLE_RATE, subtype="PCM_16")
            bar.advance()


if __name__ == "__main__":
    main()
