"""Every key of a recipe, with its type, default, limits and help text: the only place that describes the format.

A new key is one line here. Reading, checking and writing follow from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgekws.audio import SAMPLE_RATE

MOST_NATS = 20.0  # a word that is this much lower has no int8 score above 0
MADE_ROOMS = "made"  # in data.rooms: rooms that are computed
TEACHERS = ("teacher", "second_teacher")
EARLIER = ("start_from", *TEACHERS)  # keys of [training] that name another run
EMBEDDED_WORDS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("bed", "bird", "cat", "dog", "house", "happy"),
)
EMBEDDED = Path("edgekws/recipes/espeak-nano.toml")  # what the default adds for words that eSpeak NG speaks


def _key(default: Any, help: str, *, low: float | None = None, high: float | None = None, choices: Any = None) -> Any:
    """A key with its default, what ``edgekws new`` writes above it, and its limits, both included."""
    meta = {"help": help, "low": low, "high": high, "choices": choices}
    return field(default=default, metadata=meta)


@dataclass(frozen=True)
class Data:
    """Which recordings a run learns from."""

    source: str = _key(
        "espeak",
        '"espeak" (spoken here, offline), "speech_commands_v0.01", "speech_commands_v0.02" (downloaded), '
        "or a folder of WORD/*.wav",
    )
    words: tuple[str, ...] = _key(EMBEDDED_WORDS, "the classes, in label order")
    clips_per_word: int = _key(0, "training clips of each word at most; 0: all (espeak: its default)", low=0)
    validation_percent: float = _key(10.0, "for folders without lists: speakers put aside", low=1, high=45)
    testing_percent: float = _key(10.0, "for folders without lists: speakers put aside", low=1, high=45)
    speaker_pattern: str = _key(
        "",
        "for folders: where a path tells the speaker, such as {speaker}_{take} or a regular expression with "
        "(?P<speaker>...); empty: SPEAKER_nohash_0 or WORD/SPEAKER/",
    )
    split_by: str = _key(
        "speaker",
        "for folders without lists: a speaker is in one split, or take: perhaps in all, which the run report says",
        choices=("speaker", "take"),
    )
    held_out_noise: tuple[str, ...] = _key((), "background noises never used in training")
    unknown: tuple[str, ...] = _key((), "other words of the source, together the class _unknown_; none: no such class")
    unknown_made: int = _key(
        0,
        "training clips of _unknown_ made from the words themselves: backwards, or the end of one and the start of "
        "another; the other splits get their share",
        low=0,
    )
    unknown_spoken: int = _key(
        0,
        "training clips of _unknown_ by eSpeak: other words, pieces of sentences; the other splits get their share",
        low=0,
    )
    unknown_from: tuple[str, ...] = _key(
        (),
        "folders of recordings of any length, or included-talk, which comes with edgekws: every second without a word "
        "is in _unknown_; words are cut out by a table of what is said, FOLDER.csv or FOLDER/transcripts.csv",
    )
    neighbours: int = _key(
        0,
        "training clips of _unknown_ by eSpeak that sound nearly like a word: one or two sounds away, its parts, "
        "its words alone; the other splits get their share",
        low=0,
    )
    sources: tuple[str, ...] = _key(
        (),
        "further sources of the words, mixed in, their voices split like its own: espeak, flite (where installed), "
        "a folder of WORD/*.wav, a folder of Piper's voices (*.onnx)",
    )
    rooms: tuple[str, ...] = _key(
        ("made",),
        "where augment.room_probability takes its rooms: folders of recorded impulse responses, made: computed; each "
        "entry gets its share",
    )
    language: str = _key("en", "which eSpeak speaks: the code of any language that it has")
    accented: float = _key(0.0, "share of eSpeak's training clips with some sounds of other accents", low=0, high=1)
    silence: int = _key(0, "training clips of the class _silence_, noise at all levels; 0: no such class", low=0)
    reject_percent: float = _key(
        0.0,
        "by Speech Commands' own rules, in percent of the words' clips in each split: so many random clips of "
        "data.unknown and as many of _silence_, background noise at any volume; 0: all of data.unknown",
        low=0,
        high=100,
    )
    cuts: int = _key(
        0,
        "for folders: more training clips of each recording, with its whole word at a random place in the window, as "
        "in a stream; the recording's own background fills the rest",
        low=0,
    )
    parts: int = _key(
        0,
        "for folders: clips of each recording with half of its word at most, in _unknown_; other splits get one",
        low=0,
    )

    @property
    def rejects(self) -> bool:
        """Whether there is a class of no word. With it, one word is enough."""
        made = (self.unknown_made, self.unknown_spoken, self.silence, self.parts, self.neighbours, self.reject_percent)
        return any(made) or bool(self.unknown or self.unknown_from)


@dataclass(frozen=True)
class Model:
    """Which network a run trains."""

    architecture: str = _key("nano", "a name from 'edgekws models'")
    window_seconds: float = _key(
        1.0, "sound that the network hears at once, seconds; a phrase must fit", choices=(1.0, 1.5, 2.0)
    )
    dropout: float = _key(0.0, "before the dense layer", low=0, high=0.95)
    batch_norm: bool = _key(True, "batch normalisation after every convolution (folds away in the int8 model)")
    coding: str = _key("linear", "how 16-bit samples become the int8 input", choices=("linear", "mu_law"))
    level_control: bool = _key(
        False, "samples come to one level before the coding, a whisper as loud as a shout; the same on a device"
    )

    @property
    def window(self) -> int:
        """How many samples, at 16 kHz, the network hears at once."""
        return round(self.window_seconds * SAMPLE_RATE)


@dataclass(frozen=True)
class Augment:
    """How training changes a clip before the network hears it. If all values are 0, it does not."""

    shift_ms: float = _key(100.0, "largest shift to either side, milliseconds", low=0, high=500)
    gain_db: float = _key(6.0, "largest change of level up or down, decibels", low=0, high=40)
    noise_probability: float = _key(0.7, "share of clips with background noise", low=0, high=1)
    snr_db_low: float = _key(5.0, "lowest signal-to-noise ratio drawn, decibels", low=-20, high=60)
    snr_db_high: float = _key(30.0, "highest signal-to-noise ratio drawn, decibels", low=-20, high=60)
    speed_percent: float = _key(0.0, "largest change of speed up or down, pitch with it, percent", low=0, high=50)
    equalizer_db: float = _key(
        0.0, "largest change of each octave's level up or down, as by microphones and rooms, decibels", low=0, high=30
    )
    room_probability: float = _key(
        0.0, "share of clips that sound as in a room, some metres from the microphone (data.rooms)", low=0, high=1
    )
    onset_probability: float = _key(
        0.0,
        "share of the clips of no word that begin nearly silent up to a random place: speech or noise out of quiet",
        low=0,
        high=1,
    )
    mask_ms: float = _key(0.0, "longest stretch of the clip made silent, milliseconds", low=0, high=500)
    mixup: float = _key(0.0, "alpha of mixup: two clips sound together, the target says how much; 0: no", low=0, high=8)


@dataclass(frozen=True)
class Training:
    """Training of the float network."""

    epochs: int = _key(16, "passes over the training clips at most", low=1)
    batch_size: int = _key(64, "clips a step", low=1)
    learning_rate: float = _key(0.002, "peak of the cosine schedule (Adam)", low=1e-8, high=1)
    warmup_epochs: float = _key(1.0, "epochs of linear warm-up", low=0)
    weight_decay: float = _key(
        0.0, "decoupled weight decay (AdamW); 0: plain Adam; not in quantization-aware training", low=0, high=1
    )
    label_smoothing: float = _key(
        0.0, "cross-entropy label smoothing; not in quantization-aware training", low=0, high=0.5
    )
    logit_adjustment: float = _key(
        0.0,
        "how far the scores become those of classes that are equally likely, whatever the shares of the training clips "
        "(logit adjustment); 0: not at all, 1: fully",
        low=0,
        high=2,
    )
    start_from: str = _key(
        "", "a run's folder or a model that ships, of the same network: its weights come first, of known words too"
    )
    frozen: int = _key(
        0,
        "how many of the first convolutions, with their batch norm, keep the weights of training.start_from: what a "
        "network learned from people is not unlearned on synthetic voices",
        low=0,
    )
    teacher: str = _key(
        "",
        "a run's folder or a model that ships, which knows the words: its scores are learned too (distillation); not "
        "in quantization-aware training",
    )
    second_teacher: str = _key("", "another teacher: the mean of both teachers' log scores is learned")
    windows: int = _key(
        1,
        "the loss sees the mean score of so many windows of a clip, 250 ms apart, as a detector averages results, for "
        "networks that listen; training takes so many times as long; not in quantization-aware training",
        low=1,
        high=4,
    )
    unknown_lowered: float = _key(
        0.0,
        "after training, _unknown_ is lowered by so many nats before the softmax, for clips that may well be a word; "
        "detector.logit_adjustment raises it again on streams",
        low=0,
        high=MOST_NATS,
    )
    averaged_with: tuple[str, ...] = _key(
        (),
        "runs of the same network, begun from the same weights: after training, the mean of their weights and these "
        "becomes the float model",
    )
    patience: int = _key(
        0,
        "stop after this many epochs without a better validation accuracy; 0: never; not in quantization-aware "
        "training",
        low=0,
    )
    keep: str = _key(
        "best",
        "the epoch whose weights count: best, the one with the best validation accuracy, or last; not in "
        "quantization-aware training",
        choices=("best", "last"),
    )
    mixed_precision: str = _key(
        "auto",
        "compute type; auto: bfloat16 where the GPU or the CPU computes it fast, else none, which is float32",
        choices=("auto", "none", "float16", "bfloat16"),
    )


@dataclass(frozen=True)
class Quantization:
    """Quantization-aware training, which teaches the int8 model the float model's scores."""

    epochs: int = _key(6, "epochs of quantization-aware training; 0: post-training quantization only", low=0)
    learning_rate: float = _key(0.0002, "peak of its cosine schedule", low=1e-9, high=1)
    calibration_clips: int = _key(1024, "training clips that set the first activation ranges", low=16)


@dataclass(frozen=True)
class Detector:
    """When words count, on a device as in ``edgekws listen``; training does not depend on it."""

    opened_by: tuple[str, ...] = _key((), "words of data.words that open the others: these count only for a time after")
    open_seconds: float = _key(
        0.0,
        "seconds for which words count after one of detector.opened_by, or, where that is empty, after the program "
        "says so (edgekws_detector_open); 0: they always count",
        low=0,
        high=600,
    )
    logit_adjustment: float = _key(
        0.0,
        "on a stream, _unknown_ is raised by so many nats before the softmax: most of what is said there is no word. "
        "It takes back training.logit_adjustment or unknown_lowered; scores of single clips do not change",
        low=0,
        high=MOST_NATS,
    )
    alone: float = _key(
        0.0,
        "a threshold is higher by so much, 0 to 1, for a word after 1.5 s of nothing but talk, and by less after less "
        "('edgekws tune' takes it): people say commands alone, and running speech is full of what sounds like them; "
        "needs _unknown_",
        low=0,
        high=1,
    )


@dataclass(frozen=True)
class Parity:
    """Bounds of the parity ladder on the whole testing split. One clip may always differ, unless a bound is 0 or 1."""

    accuracy_drop_points: float = _key(0.5, "int8 accuracy at most this many points under float", low=0, high=100)
    fake_quant_agreement: float = _key(0.99, "same top word in int8 and fake-quant", low=0, high=1)
    xnnpack_agreement: float = _key(0.99, "same top word with reference and XNNPACK kernels", low=0, high=1)


@dataclass(frozen=True)
class Recipe:
    """Everything a run depends on."""

    name: str = _key("espeak-nano", "the run's folder is runs/NAME")
    seed: int = _key(1, "of initial weights, data order, dropout and augmentation", low=0, high=2**31 - 1)
    data: Data = field(default_factory=Data)
    model: Model = field(default_factory=Model)
    augment: Augment = field(default_factory=Augment)
    training: Training = field(default_factory=Training)
    quantization: Quantization = field(default_factory=Quantization)
    detector: Detector = field(default_factory=Detector)
    parity: Parity = field(default_factory=Parity)
