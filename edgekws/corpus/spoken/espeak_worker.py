"""Speaks with the eSpeak NG library. It is a separate program, so that a crash in the library does not stop edgekws.

Standard input: a JSON list of [text, voice, rate in words a minute, pitch 0-100, range 0-100, traits]. The same list
always sounds the same. Traits are the lines of an eSpeak variant instead of the voice's own; "" leaves that.
The only argument is an empty folder for a variant's file.
Standard output: for each, its number of samples as little-endian uint32, then the samples as int16 at 22,050 Hz.
With the argument "phonemes": a JSON list of [text, voice] in, a JSON list of their phonemes in IPA without stress out.
If the library fails, it ends with status 3 and one line on standard error.
"""

import ctypes
import json
import struct
import sys
from pathlib import Path

_SYNCHRONOUS, _DONT_EXIT, _UTF8 = 2, 0x8000, 1  # the constants of espeak-ng's speak_lib.h
_RATE, _PITCH, _RANGE = 1, 3, 4
_IPA, _MNEMONICS = 2, ord(".") << 8  # mnemonics have a dot between them
_PHONEMES = 0x100  # text in [[...]] is phonemes
_SAMPLE_RATE = 22_050
_DRAWN = "drawn"  # the name of the variant with a request's traits
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


def main() -> None:
    try:
        import espeakng_loader

        library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path()
    except (ImportError, OSError, RuntimeError) as error:
        _give_up(f"its library cannot be loaded ({error}); try: pip install --force-reinstall espeakng-loader")
    speaks = sys.argv[1:] not in (["phonemes"], ["mnemonics"], ["languages"])
    if speaks:
        data = _with_variants_of_its_own(Path(data), Path(sys.argv[1]))
    if library.espeak_Initialize(_SYNCHRONOUS, 0, data.encode(), _DONT_EXIT) != _SAMPLE_RATE:
        _give_up(f"it does not start with its data in {data}; try: pip install --force-reinstall espeakng-loader")
    library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # breath is noise, which would be seeded by the time
    pieces: list[bytes] = []

    @_CALLBACK
    def collect(samples, count, _events):  # type: ignore[no-untyped-def]
        if count > 0:
            pieces.append(ctypes.string_at(samples, 2 * count))
        return 0

    if sys.argv[1:] == ["phonemes"]:
        said = (_phonemes(library, text, voice, _IPA) for text, voice in json.load(sys.stdin))
        json.dump([one.translate(str.maketrans("", "", "ˈˌ ")) for one in said], sys.stdout)
        return
    if sys.argv[1:] == ["mnemonics"]:
        json.dump([_phonemes(library, text, voice, _MNEMONICS) for text, voice in json.load(sys.stdin)], sys.stdout)
        return
    if sys.argv[1:] == ["languages"]:
        json.dump(_languages(library), sys.stdout)
        return
    library.espeak_SetSynthCallback(collect)
    variant = Path(data) / "voices" / "!v" / _DRAWN
    for text, voice, rate, pitch, pitch_range, traits in json.load(sys.stdin):
        if traits:
            variant.write_text(f"language variant\nname {_DRAWN}\n{traits}\n")
        _choose(library, f"{voice.partition('+')[0]}+{_DRAWN}" if traits else voice)
        for parameter, value in ((_RATE, rate), (_PITCH, pitch), (_RANGE, pitch_range)):
            library.espeak_SetParameter(parameter, value, 0)
        encoded = text.encode() + b"\0"
        pieces.clear()
        library.espeak_Synth(encoded, len(encoded), 0, 0, 0, _UTF8 | _PHONEMES, None, None)
        spoken = b"".join(pieces)
        if not any(spoken):
            _give_up(f"it says nothing for {text!r} in voice {voice!r}")
        sys.stdout.buffer.write(struct.pack("<I", len(spoken) // 2) + spoken)


def _with_variants_of_its_own(data: Path, folder: Path) -> str:
    """A folder like eSpeak's data, with links to them, into which variants can be written."""
    (folder / "voices" / "!v").mkdir(parents=True)
    for path in (*data.iterdir(), *(data / "voices" / "!v").iterdir()):
        if path.name != "voices":
            (folder / path.relative_to(data)).symlink_to(path)
    return str(folder)


def _choose(library: ctypes.CDLL, voice: str) -> None:
    if library.espeak_SetVoiceByName(voice.encode()):
        _give_up(f"it has no voice {voice!r}")


class _Voice(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_char_p) for name in ("name", "languages", "identifier"))  # and others


def _languages(library: ctypes.CDLL) -> list[list[str]]:
    """[code of the language, voice] for every voice. A priority comes before the code."""
    library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
    voices, found = library.espeak_ListVoices(None), list[list[str]]()
    while voices[len(found)]:
        one = voices[len(found)].contents
        found.append([one.languages[1:].decode(), one.identifier.decode().rpartition("/")[2]])
    return found


def _phonemes(library: ctypes.CDLL, text: str, voice: str, mode: int) -> str:
    _choose(library, voice)
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    left = ctypes.c_char_p(text.encode())  # the library moves it to the unread text; NULL at the end
    found = []
    while left.value is not None:
        found.append(library.espeak_TextToPhonemes(ctypes.byref(left), _UTF8, mode).decode())
    return ("" if mode == _IPA else " ").join(found)


def _give_up(reason: str) -> None:
    print(reason, file=sys.stderr)
    raise SystemExit(3)


if __name__ == "__main__":
    main()
