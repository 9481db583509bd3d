"""Every command in README and docs is run as the page has it, or stands in ``NOT_RUN`` with the reason.

The commands of a page run one after the other on a desk: a folder with a finished run and small recordings under the
names that the pages use. What would take long gets one more option (``SHORTER``); what is trained is trained once.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import finished_run
import numpy as np
import pytest
import soundfile
from test_docs import ROOT, SHIPPED, blocks

from convert import pipeline
from convert.prove import parity
from convert.tflite import artifact
from edgekws import audio, cli
from edgekws.corpus.clips import Corpus
from edgekws.report import summary
from edgekws.workspace import Run

PAGES = [*SHIPPED, ROOT / "CONTRIBUTING.md", ROOT / "firmware_assets" / "engine" / "README.md"]
NOT_RUN = {
    r"pip install|python3 -m venv|npm install": "installs; .ci/run does it in a new environment",
    r"pytest|ruff |mypy$|LD_PRELOAD": "the suite itself; .ci/run does it",
    r"^idf\.py": "needs ESP-IDF and a board",
    r"python tests/(benchmarks|fuzz)/": "takes minutes to hours on a machine of its own",
    r"--data speech_commands_v0\.02|recipes/v2-": "downloads 2.3 GB; test_download.py has a server of its own",
    r"^edgekws sweep ": "trains 74 networks; tests/edgekws/sweep runs small ones",
    r"^edgekws wake |--model (hey-edge|wake)$|runs/hey-edge ": "trains for minutes; test_wake_phrase.py trains less",
    r"^edgekws (collect|(run|train) edgekws/recipes/(listening/|gsc16-(small|nano)-listen|wake)|"
    r"measure wake .*behind|tune runs/(gsc16-small-listen|wake)\b)": "needs recordings that a "
    "model learned from; test_collection.py and test_tuning.py have some of their own",
    r"^edgekws (serve|demo)": "serves without end; tests/convert/targets/{home,browser} are its clients",
    r"^(cc -O3 \*\.c|\./spotter)": "stands in a bundle's folder; tests/engine/test_example.py compiles it",
    r"^(aarch64-linux-gnu-gcc|clang --target=wasm32)": "needs that compiler; tests/engine does it where there is one",
}
SHORTER = {
    "run": "--set training.epochs=1 --set quantization.epochs=1 --set data.clips_per_word=20 --set data.silence=0",
    "tune": "--hours 0.02",
    "measure": "--clips 1",
    "mine": "--rounds 1 --epochs 1 --most 20",
    "profile": "--target cortex-m4",
}
INSTEAD = {  # runs that nobody trains here
    "runs/espeak-nano": "runs/mine",
    "runs/listens": "runs/mine",
    "runs/gsc16-small-listen": "small-listen",
}
WORDS = ("on", "off", "stop", "eight", "yes", "no")
STRANGE = tuple(f"strange/{kind}" for kind in ("prompts", "stamps", "words-alone", "game-sounds", "game-music"))
TALK = (
    "talk",
    "music",
    "radio",
    "rooms",
    "read-speech",
    "orders",
    "neural-voice",
    "speechocean",
    "esc-sounds",
    *STRANGE,
)


def commands(page: Path) -> list[str]:
    """Each command of the page's shell blocks, in its order."""
    lines = [line.replace("\\\n", " ") for block in blocks(page, "sh") for line in re.split(r"(?<!\\)\n", block)]
    parts = [part for line in lines for part in re.split(r"&&|\|\||;", re.sub(r"\s+#.*", "", line))]
    return [" ".join(part.split()) for part in parts if part.strip() and part.strip() != ". .venv/bin/activate"]


def reason(command: str) -> str | None:
    return next((why for pattern, why in NOT_RUN.items() if re.search(pattern, command)), None)


def recordings(folder: Path, words: tuple[str, ...], speakers: int = 30) -> None:
    """WORD/SPEAKER_TAKE.wav: a tone for each word, at a pitch of each speaker's own."""
    time = np.arange(8_000) / 16_000
    for number, word in enumerate(words):
        (folder / word).mkdir(parents=True)
        for speaker in range(speakers):
            tone = 0.3 * np.sin(2 * np.pi * (300 + 250 * number + 5 * speaker) * time)
            soundfile.write(folder / word / f"speaker{speaker}_1.wav", tone, 16_000)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder with what the pages name; ``runs/mine`` is trained in it, by the command of the README."""
    folder = tmp_path_factory.mktemp("desk")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("docs").mkdir()
        for copy in ("docs/demo.wav", "recording.wav"):
            shutil.copy(ROOT / "docs" / "demo.wav", copy)
        recordings(Path("recordings"), WORDS)
        recordings(Path("speech_commands"), tuple(dict.fromkeys((*WORDS, *artifact.load("small").labels))), speakers=5)
        rng = np.random.default_rng(0)
        for name in TALK:
            Path(name).mkdir(parents=True)
            for number in range(40):  # so that each split gets some
                soundfile.write(f"{name}/speaker{number}.wav", rng.normal(0, 0.02, 20_000), 16_000)
        Path("tests").symlink_to(ROOT / "tests")
        (own,) = (command for command in commands(ROOT / "README.md") if command.startswith("edgekws run --data"))
        assert run_one(own) in (0, 1)  # of so little training a bound may break
    return folder


def run_one(command: str) -> int:
    """The exit status of a command as the page has it, but for what makes it short."""
    if not command.startswith("edgekws "):
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # python is the one that tests
        return subprocess.run(["bash", "-c", command], check=False, env=os.environ | {"PATH": path}).returncode
    arguments = [INSTEAD.get(part, part) for part in shlex.split(command)[1:]]
    return cli.main(arguments + SHORTER.get(arguments[0], "").split())


def not_trained(run: Run, clips: Corpus) -> parity.Ladder:
    """In place of training: a proof that holds, of a run that has its recordings and no model."""
    if not run.report.exists():
        run.report.write_text("{}")
    labels = clips.split("testing").labels
    scores = finished_run.near_labels(labels, len(clips.words), wrong=0)
    return parity.climb(dict.fromkeys(parity.RUNGS, scores), labels, run.recipe.parity)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_do_what_it_says(page, desk, monkeypatch, capsys):
    monkeypatch.chdir(desk)
    monkeypatch.setattr("edgekws.audio.microphone.blocks", lambda faults: audio.blocks(Path("docs/demo.wav"), faults))
    monkeypatch.setattr(pipeline, "complete", not_trained)
    monkeypatch.setattr(summary, "lines", lambda report: [])
    for command in commands(page):
        if reason(command):
            continue
        if command.startswith("edgekws profile") and not shutil.which("qemu-system-arm"):
            continue
        may_fail = ("edgekws tune", "edgekws check")  # of a model that learned so little, a goal may not be reached
        assert run_one(command) in ((0, 1) if command.startswith(may_fail) else (0,)), (
            f"{command}\n{capsys.readouterr().err}"
        )


def test_most_commands_are_run():
    everything = [command for page in PAGES for command in commands(page)]
    assert len(everything) > 60
    assert sum(reason(command) is None for command in everything) >= 40
    for name in SHORTER:
        assert any(command.startswith(f"edgekws {name}") for command in everything), name
