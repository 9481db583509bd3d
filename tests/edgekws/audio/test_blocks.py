"""Sound as it comes: any rate and length, faults counted, microphones that are unplugged."""

import numpy as np
import pytest
import soundfile

from edgekws import audio
from edgekws.audio import Faults
from edgekws.errors import UserError


def noise(samples, seed=0):
    return np.random.default_rng(seed).integers(-9000, 9000, samples).astype(np.int16)


def all_of(path, faults=None):
    return np.concatenate(list(audio.blocks(path, faults or Faults())))


def test_a_recording_at_16_khz_comes_through_sample_exact(tmp_path):
    samples = noise(50_001)
    soundfile.write(tmp_path / "a.wav", samples, 16_000)
    assert np.array_equal(all_of(tmp_path / "a.wav"), samples)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_other_rates_and_channels_are_those_of_the_whole_file(rate, tmp_path):
    soundfile.write(tmp_path / "a.flac", np.stack([noise(3 * rate), noise(3 * rate, 1)], 1), rate)
    blocks, (whole, _) = all_of(tmp_path / "a.flac"), audio.read(tmp_path / "a.flac")
    assert abs(len(blocks) - len(whole)) <= 1
    shared = min(len(blocks), len(whole))
    assert np.abs(blocks[:shared].astype(int) - whole[:shared]).max() <= 2


def test_what_is_no_whole_recording_is_told(tmp_path):
    (tmp_path / "no.wav").write_text("no audio")
    with pytest.raises(UserError, match="is text; expected a recording"):
        all_of(tmp_path / "no.wav")
    with pytest.raises(UserError, match="does not exist"):
        all_of(tmp_path / "none.wav")


@pytest.mark.parametrize("suffix", ["wav", "aiff", "flac", "ogg", "mp3"])
def test_a_truncated_recording_is_told_after_what_there_is_of_it(suffix, tmp_path):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, noise(80_000), 16_000)
    content, heard = path.read_bytes(), []
    path.write_bytes(content[: 60_000 if suffix == "wav" else len(content) // 2])
    with pytest.raises(UserError, match=r"truncated|not a whole recording") as error:
        for block in audio.blocks(path, Faults()):
            heard.append(block)
    assert str(path) in str(error.value)
    if suffix == "wav":
        assert len(np.concatenate(heard)) == (60_000 - 44) // 2


def test_a_recording_without_samples_is_told(tmp_path):
    soundfile.write(tmp_path / "none.wav", np.zeros(0, np.int16), 16_000)
    with pytest.raises(UserError, match="none.wav holds no samples"):
        list(audio.blocks(tmp_path / "none.wav", Faults()))


@pytest.mark.parametrize("subtype", ["ULAW", "ALAW", "PCM_16", "PCM_24", "PCM_U8"])
def test_a_clipped_recording_is_told_in_every_kind_of_file(subtype, tmp_path):
    sound = np.clip(4 * np.sin(np.arange(16_000) * 0.05), -1, 1)
    soundfile.write(tmp_path / "a.wav", sound, 16_000, subtype)
    faults = Faults()
    all_of(tmp_path / "a.wav", faults)
    assert faults.clipped > 8_000
    quiet = Faults()
    soundfile.write(tmp_path / "a.wav", sound / 2, 16_000, subtype)
    all_of(tmp_path / "a.wav", quiet)
    assert quiet == Faults()
