"""The words in recordings, with LiteRT alone."""

import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import synthetic_tflite

from convert.tflite import artifact, conversion
from edgekws import cli, recipe, zoo
from edgekws.listen import classify
from edgekws.listen.classify import Classifier
from edgekws.model import catalogue, coding, front_end


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("model folder")
    (made / "model_int8.tflite").write_bytes(synthetic_tflite.build(catalogue.find("nano").architecture, 3))
    (made / "labels.txt").write_text("yes\nno\nünö\n", encoding="utf-8")
    changed = recipe.replace(recipe.Recipe(), {"model.coding": "mu_law"})
    (made / "recipe.toml").write_text(recipe.to_toml(changed), encoding="utf-8")
    return made


def noise(samples, seed=0):
    return np.random.default_rng(seed).integers(-9000, 9000, samples).astype(np.int16)


def test_scores_are_those_of_the_pipeline(folder):
    clip = noise(16_000)
    codes = coding.encode(front_end.process(clip[None], False), "mu_law")
    raw = conversion.predict((folder / "model_int8.tflite").read_bytes(), codes, kernels="xnnpack", title="")
    found = artifact.load(folder)
    assert np.array_equal(
        Classifier(found.content, found.labels, found).scores(clip), (raw[0].astype(np.float32) + 128) / 256
    )


@pytest.mark.parametrize(
    ("length", "starts"),
    [(1, (0,)), (16_000, (0,)), (16_001, (0, 1)), (24_000, (0, 8000)), (32_100, (0, 8000, 16_000, 16_100))],
)
def test_windows_cover_a_recording(length, starts):
    assert classify.starts(length) == starts


def test_the_command_says_words_and_goes_on_after_a_bad_file(folder, tmp_path, capsys):
    soundfile.write(tmp_path / "a b.wav", noise(8000), 16_000)
    soundfile.write(tmp_path / "stereo.flac", np.stack([noise(66_150), noise(66_150, 1)], 1), 44_100)
    (tmp_path / "no.wav").write_text("no audio")
    files = [str(tmp_path / name) for name in ("a b.wav", "no.wav", "stereo.flac")]
    assert cli.main(["classify", *files, "--model", str(folder), "--top", "2"]) == 2
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith(f"{files[0]}: ")
    assert lines[0].count("%") == 2
    assert "at 0.5 s" in lines[2]
    assert "no.wav is text" in err
    assert "resampled to 16 kHz, mixed down to mono" in err


@pytest.mark.parametrize("samples", [np.zeros(16_000, np.int16), np.full(9_000, 3_000, np.int16)])
def test_silence_is_no_word(folder, tmp_path, capsys, samples):
    soundfile.write(tmp_path / "a.wav", samples, 16_000)
    call = ["classify", str(tmp_path / "a.wav"), "--model", str(folder)]
    assert cli.main(call) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'a.wav'}: no sound\n"
    assert cli.main([*call, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["word"], facts["scores"]) == (None, {})


def test_the_model_is_named_and_help_names_the_one_that_is_taken(tmp_path, capsys):
    soundfile.write(tmp_path / "a.wav", noise(16_000), 16_000)
    assert cli.main(["classify", str(tmp_path / "a.wav")]) == 0
    assert capsys.readouterr().err.startswith("gsc16-small by LiteRT\n")
    for command, name in (("classify", zoo.default().name), ("listen", zoo.default(zoo.LISTENING).name)):
        with pytest.raises(SystemExit):
            cli.main([command, "--help"])
        assert f"(default: {name})" in " ".join(capsys.readouterr().out.split())


def test_json_has_a_line_a_window(folder, tmp_path, capsys):
    soundfile.write(tmp_path / "a.wav", noise(16_000), 16_000)
    assert cli.main(["classify", str(tmp_path / "a.wav"), "--model", str(folder), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["time"] == 0
    assert next(iter(facts["scores"])) == facts["word"]
    assert sum(facts["scores"].values()) == pytest.approx(1, abs=0.02)


def test_what_no_word_is_sure_of_is_rejected_where_asked(folder, tmp_path, capsys):
    path = tmp_path / "a.wav"
    soundfile.write(path, noise(16_000), 16_000)
    call = ["classify", str(path), "--model", str(folder)]
    assert cli.main([*call, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    word, scores = facts["word"], facts["scores"]
    for reject, heard in ((scores[word] - 0.01, word), (scores[word] + 0.01, "_unknown_")):
        assert cli.main([*call, "--json", "--reject", f"{reject}"]) == 0
        assert json.loads(capsys.readouterr().out)["word"] == heard
    assert cli.main([*call, "--reject", "1"]) == 0
    assert f": _unknown_ ({word} " in capsys.readouterr().out
    assert cli.main([*call, "--reject", "50"]) == 2
    assert "a probability from 0 to 1" in capsys.readouterr().err


def test_a_wrong_model_is_named(folder, tmp_path, capsys):
    soundfile.write(tmp_path / "a.wav", noise(16_000), 16_000)
    assert cli.main(["classify", str(tmp_path / "a.wav"), "--model", "smal"]) == 2
    assert "looked for smal, runs/smal and among the models that ship; did you mean small?" in capsys.readouterr().err
    (tmp_path / "model_int8.tflite").write_bytes(b"no model")
    assert cli.main(["classify", str(tmp_path / "a.wav"), "--model", str(tmp_path)]) == 2
    assert "is not a run folder: it has no recipe.toml" in capsys.readouterr().err
    (tmp_path / "recipe.toml").write_bytes((folder / "recipe.toml").read_bytes())
    assert cli.main(["classify", str(tmp_path / "a.wav"), "--model", str(tmp_path)]) == 2
    assert "labels.txt is missing" in capsys.readouterr().err
    (tmp_path / "labels.txt").write_bytes((folder / "labels.txt").read_bytes())
    assert cli.main(["classify", str(tmp_path / "a.wav"), "--model", str(tmp_path)]) == 2
    assert "expected a .tflite file" in capsys.readouterr().err


@pytest.mark.parametrize("shipped", [False, True])
def test_tensorflow_is_not_imported(folder, tmp_path, shipped):
    """Neither by a run nor by the model that ships and is taken where none is named."""
    chosen = [] if shipped else ["--model", str(folder)]
    soundfile.write(tmp_path / "a.wav", noise(16_000), 16_000)
    code = (
        "import sys; from edgekws import cli; "
        f"status = cli.main({['classify', str(tmp_path / 'a.wav'), *chosen]!r}); "
        "sys.exit(status or 'tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_tflite_file_is_a_model_too_with_the_words_beside_it(folder, tmp_path, capsys):
    soundfile.write(tmp_path / "a.wav", noise(16_000), 16_000)

    def said(model, *more):
        assert cli.main(["classify", str(tmp_path / "a.wav"), "--json", "--model", str(model), *more]) == 0
        return json.loads(capsys.readouterr().out)["scores"]

    whole = said(folder)
    assert said(folder / "model_int8.tflite") == whole
    (tmp_path / "mine.tflite").write_bytes((folder / "model_int8.tflite").read_bytes())
    assert sorted(said(tmp_path / "mine.tflite", "--coding", "mu_law")) == ["class_0", "class_1", "class_2"]
    (tmp_path / "labels.txt").write_bytes((folder / "labels.txt").read_bytes())
    assert said(tmp_path / "mine.tflite", "--coding", "mu_law") == whole
