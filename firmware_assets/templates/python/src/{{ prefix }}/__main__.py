"""The words in WAV files or from a microphone, a line each: time, word, score."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import wave
from collections.abc import Iterator, Sequence
from typing import Any

from . import SAMPLE_RATE, WORDS, Spotter

PROGRAM = str(__package__)
_BLOCK_BYTES = 3_200  # a tenth of a second
_UNKNOWN_LENGTH = 0x7FFFF000 // 2  # samples; recorders that write into a pipe claim so many or more
_RECORDERS = (
    ("arecord", "-q", "-t", "raw", "-f", "S16_LE", "-r", str(SAMPLE_RATE), "-c", "1"),
    ("parec", "--raw", "--format=s16le", f"--rate={SAMPLE_RATE}", "--channels=1", "--latency-msec=100"),
)


class UserError(Exception):
    """What the user should do differently, in a sentence."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0: done, 1: the self-test failed, 2: a mistake."""
    args = _arguments(arguments)
    try:
        spotter = Spotter(args.threshold)
        if args.selftest:
            lines = spotter.selftest()
            print("\n".join(lines))
            return int(lines[-1].endswith("FAILED"))
        if bool(args.files) == args.microphone:
            raise UserError("give recordings to listen to, or --microphone (and not both)")
        for path in args.files:
            _hear(spotter, recording(path), path, args.json)
        if args.microphone:
            _hear(spotter, microphone(), "", args.json)
    except (UserError, ValueError) as error:
        print(f"{PROGRAM}: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0 if args.microphone else 130
    except BrokenPipeError:
        sys.stdout = None  # type: ignore[assignment]
    except OSError as error:  # a full disk, for example
        print(f"{PROGRAM}: error: {error.filename or 'output'}: {error.strerror or error}", file=sys.stderr)
        sys.stdout = None  # type: ignore[assignment]
        return 2
    return 0


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(PROGRAM, description=__doc__, epilog=f"words: {', '.join(WORDS)}")
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="WAV of 16 bits, 16 kHz, one channel; - is standard input"
    )
    parser.add_argument("--microphone", action="store_true", help="listen to the default microphone until Ctrl-C")
    parser.add_argument("--threshold", type=float, metavar="P", help="of every word, 0 to 1, in place of the model's")
    parser.add_argument("--json", action="store_true", help="one line of JSON a word")
    parser.add_argument("--selftest", action="store_true", help="does this machine compute what it should?")
    return parser.parse_args(arguments)


def _hear(spotter: Spotter, blocks: Iterator[bytes], name: str, as_json: bool) -> None:
    """Print what is heard as it is heard."""

    def tell(events: list[Any]) -> int:
        for event in events:
            if as_json:
                facts = {"time": round(event.time, 3), "word": event.word, "score": round(event.score, 4)}
                print(json.dumps(({"file": name} if name else {}) | facts, ensure_ascii=False), flush=True)
            else:
                print(f"{f'{name}: ' if name else ''}{event.time:9.2f} s  {event.word}  {event.score:.2f}", flush=True)
        return len(events)

    heard = sum(tell(spotter.push(block)) for block in blocks) + tell(spotter.finish())
    if name and not heard:
        print(f"{name}: no word was heard", file=sys.stderr)


def recording(path: str) -> Iterator[bytes]:
    """The samples of a WAV file, in blocks; UserError where it has another form, or ends before its header says."""
    name, options = path.replace('"', '\\"'), f"-ac 1 -ar {SAMPLE_RATE} -sample_fmt s16"
    convert = f'convert it: ffmpeg -i "{name}" {options} "{name}.16k.wav"'
    if path == "-":
        convert = f"convert it: ffmpeg -i - {options} -f wav - | {PROGRAM} -"
    try:
        with wave.open(sys.stdin.buffer if path == "-" else path, "rb") as file:
            rate, width, channels = file.getframerate(), file.getsampwidth(), file.getnchannels()
            if (rate, width, channels) != (SAMPLE_RATE, 2, 1):
                form = f"{rate} Hz, {8 * width} bits, {channels} channel{'s' if channels > 1 else ''}"
                raise UserError(
                    f"{path}: expected WAV at {SAMPLE_RATE} Hz, 16 bits, one channel, got {form}; {convert}"
                )
            got = 0
            while block := file.readframes(_BLOCK_BYTES // 2):
                got += len(block) // 2
                yield block[: len(block) // 2 * 2]
            if got < file.getnframes() < _UNKNOWN_LENGTH:
                there, said = got / SAMPLE_RATE, file.getnframes() / SAMPLE_RATE
                raise UserError(
                    f"{path} is truncated ({there:.1f} s are there, the header says {said:.1f} s); copy it again"
                )
    except (wave.Error, EOFError) as error:
        raise UserError(f"{path}: expected a WAV file ({str(error) or 'it ends too early'}); {convert}") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None


def microphone() -> Iterator[bytes]:
    """The default microphone, in blocks, by sounddevice where it is installed, else by a recorder of the system."""
    try:
        import sounddevice
    except (ImportError, OSError):
        yield from _recorded()
        return
    try:
        with sounddevice.RawInputStream(
            samplerate=SAMPLE_RATE, channels=1, dtype="int16", blocksize=_BLOCK_BYTES // 2
        ) as stream:
            while True:
                yield bytes(stream.read(_BLOCK_BYTES // 2)[0])
    except (sounddevice.PortAudioError, ValueError) as error:
        raise UserError(f"the microphone cannot be used: {error}") from None


def _recorded() -> Iterator[bytes]:
    command = next((list(one) for one in _RECORDERS if shutil.which(one[0])), None)
    if command is None:
        raise UserError(
            "no way to a microphone was found: 'pip install sounddevice', or 'sudo apt install alsa-utils' for arecord"
        )
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as recorder:
        try:
            assert recorder.stdout is not None
            while len(block := recorder.stdout.read(_BLOCK_BYTES)) == _BLOCK_BYTES:
                yield block
        finally:
            recorder.kill()
        assert recorder.stderr is not None
        told = recorder.stderr.read().decode(errors="replace").strip().splitlines()
        raise UserError(f"the microphone gives nothing more ({command[0]}: {told[-1] if told else 'it ended'})")


if __name__ == "__main__":
    sys.exit(main())
