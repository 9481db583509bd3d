"""Every command ends with what to do next, on standard error, and not beside JSON."""

import json
import shutil
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import finished_run
import numpy as np
import pytest
import soundfile

from convert import aligning, mining, pipeline
from convert.engine import profile
from convert.prove import measure
from convert.targets import flash
from convert.targets.browser import page_server
from convert.targets.home import python_package
from edgekws import cli, recipe
from edgekws.cli import runs
from edgekws.cli.terminal import next_step
from edgekws.corpus import collection
from edgekws.listen import sound_kinds
from edgekws.publish import comparison, pretrained
from edgekws.report import listening_lines, measured_page, summary
from edgekws.sweep import queue
from edgekws.workspace import Run


class Served:
    """A server of a page that is stopped as soon as it serves."""

    server_address = ("", 8000)

    def serve_forever(self):
        raise KeyboardInterrupt


@pytest.fixture
def stage(tmp_path, monkeypatch):
    """A folder with a finished run, a recording and a sweep, where nothing is trained, measured or flashed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEKWS_CACHE", str(tmp_path / "cache"))
    clips = finished_run.corpus(("yes", "no"))
    run = finished_run.build(tmp_path / "runs", clips)
    shutil.copyfile(run.int8_model, "model.tflite")
    run.labels.write_text("yes\nno\n")
    run.float_model.touch()
    run.recipe_file.write_text(recipe.to_toml(run.recipe))
    soundfile.write("yes.wav", np.zeros(16_000, np.int16), 16_000)
    (tmp_path / "grid.toml").write_text("")
    for step in ("train", "quantize", "convert"):
        monkeypatch.setattr(pipeline, step, lambda run, clips: None)
    monkeypatch.setattr(pipeline, "load_corpus", lambda run, **_: clips)
    monkeypatch.setattr(pipeline, "check", lambda run, clips, write=True: finished_run.ladder(run))
    monkeypatch.setattr(pipeline, "tune", lambda *_: {"reached": True})
    monkeypatch.setattr(python_package, "importable", lambda *_: "served")
    monkeypatch.setitem(sys.modules, "served.wyoming", SimpleNamespace(main=lambda _: 0))
    monkeypatch.setattr(listening_lines, "lines", lambda found: [])
    monkeypatch.setattr(measure, "measure", lambda *_: {"worst": {"speech": None}})
    monkeypatch.setattr(measured_page, "html", lambda found: "")
    monkeypatch.setattr(measured_page, "lines", lambda found: [])
    monkeypatch.setattr(mining, "mine", lambda *_: {"best": "runs/made-mined/round-1"})
    monkeypatch.setattr(aligning, "align", lambda *_: {"yes": aligning.Aligned()})
    monkeypatch.setattr(sound_kinds, "find", lambda *_: [])
    monkeypatch.setattr(summary, "lines", lambda report: [])
    monkeypatch.setattr(Run, "read_report", lambda run: {})
    monkeypatch.setattr(profile, "profile", lambda model, targets: {})
    monkeypatch.setattr(profile, "text", lambda figures: "")
    monkeypatch.setattr(flash, "command", lambda *_, **__: ["true"])
    monkeypatch.setattr(pretrained, "publish", lambda *_, **__: "")
    monkeypatch.setattr(comparison, "make", lambda *_: [])
    monkeypatch.setattr(collection, "read", lambda _: [])
    monkeypatch.setattr(collection, "collect", lambda *_: collection.Collected(1, 1, {}))
    monkeypatch.setattr(page_server, "server", lambda *_: nullcontext(Served()))
    monkeypatch.setattr("edgekws.sweep.grid.load", lambda *_: SimpleNamespace(name="grid", testing=True))
    monkeypatch.setattr(queue, "runs_of", lambda *_: [])
    return run


COMMANDS = {
    "run": ("edgekws bundle runs/made --target T", "edgekws tune runs/made"),
    "train": ("edgekws quantize runs/made",),
    "quantize": ("edgekws convert runs/made",),
    "convert": ("edgekws check runs/made",),
    "check runs/made": ("edgekws bundle runs/made --target T",),
    "tune runs/made": ("edgekws listen --microphone --model runs/made",),
    "new my.toml": ("edgekws run my.toml",),
    "models": ("edgekws models NAME",),
    "models nano": ("edgekws run --set model.architecture=nano",),
    "bundle model.tflite --out b": ("b/README.md", "edgekws verify b"),
    "bundle --list": ("edgekws bundle RUN --target T",),
    "verify b": ("README.md",),
    "flash b": ("serial port",),
    "measure runs/made --keywords words": ("edgekws bundle runs/made --target T",),
    "mine runs/made --from talk": ("edgekws check runs/made-mined/round-1",),
    "profile runs/made": ("edgekws bundle runs/made --target T --kernels K",),
    "classify yes.wav": ("edgekws listen FILE", "edgekws bundle small --target T"),
    "listen yes.wav --threshold 0.9": ("nothing came near a word of this model, which are zero, one",),
    "publish runs/made shipped/made --source x": ("edgekws tables shipped --add shipped/made",),
    "serve runs/made": ("edgekws bundle runs/made --target python",),
    "tables runs": ("git diff runs",),
    "sweep grid.toml": ("results.html",),
    "collect list.csv --from books=books --out behind": ("data.unknown_from",),
    "demo nano --no-browser": ("press Listen", "Ctrl-C"),
    "align made long --out takes": ("edgekws wake yes --data takes",),
    "wake happy --name said": ("edgekws listen --microphone --model runs/said", "edgekws bundle runs/said --target T"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_ends_with_what_to_do_next(command, stage, monkeypatch, capsys):
    name, *rest = command.split()
    if name == "wake":
        monkeypatch.setattr(runs, "proved", lambda *_: 0)
    if name == "verify":
        assert cli.main(["bundle", "model.tflite", "--out", "b"]) == 0
        capsys.readouterr()
    if name in ("run", "train", "quantize", "convert"):
        rest += [str(stage.folder.relative_to(stage.folder.parents[1]))]
    assert cli.main([name, *rest]) == 0
    last = capsys.readouterr().err.rstrip().splitlines()[-1]
    assert last.startswith("next: ")
    for text in COMMANDS[command]:
        assert text in last


def test_no_command_is_left_out():
    (commands,) = (action for action in cli._parser()._actions if action.choices)
    assert {command.split()[0] for command in COMMANDS} == set(commands.choices)


@pytest.mark.parametrize("command", ["models --json", "classify yes.wav --json", "profile runs/made --json"])
def test_beside_json_nothing_is_said(command, stage, capsys):
    assert cli.main(command.split()) == 0
    out, err = capsys.readouterr()
    assert "next:" not in out + err
    assert [json.loads(line) for line in ([out] if "\n " in out else out.splitlines())]


def test_what_is_said_can_be_pasted():
    assert next_step.call("tune", "my runs/a b", "--hours 2") == "edgekws tune 'my runs/a b' --hours 2"


def test_a_model_that_was_not_tuned_is_told_what_to_do(tmp_path):
    (tmp_path / "corpus.json").write_text("{}")
    told = next_step.after_listening(str(tmp_path), heard=False, tuned=False, near=0.61, words=["yes"])
    assert f"edgekws tune {tmp_path}" in told
    assert "--threshold 0.55 hears it" in told
    shipped = next_step.after_listening("nano", heard=False, tuned=False, near=0.1, words=["yes", "no"])
    assert "without --model" in shipped
    assert "yes, no" in shipped


def test_a_broken_bound_names_the_report(tmp_path):
    assert str(tmp_path / "report.html") in next_step.after_proof(tmp_path, holds=False, tuned=False)
    assert "tune" not in next_step.after_proof(tmp_path, holds=True, tuned=True)


def test_thresholds_that_reach_no_goal_ask_for_a_larger_one(tmp_path):
    assert "--false-accepts-per-hour 2" in next_step.after_tuning(tmp_path, reached=False, per_hour=0.5)
