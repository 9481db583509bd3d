"""Mixup: shares of sound and of target agree, levels are evened out."""

import numpy as np

from edgekws.train.mixup import mixed

TIME = np.arange(16_000) / 16_000


def tone(frequency, amplitude):
    return amplitude * np.sin(2 * np.pi * frequency * TIME)


def amplitudes(clip):
    return 2 * np.abs(np.fft.rfft(clip.astype(np.float64)))[[400, 900]] / len(clip)


def test_the_sound_holds_what_the_target_says_at_the_level_of_the_first():
    clips = np.rint([tone(400, 8000), tone(900, 100)]).astype(np.int16)
    targets = np.eye(2, dtype=np.float32)
    seen = 0
    for seed in range(8):
        sound, shares = mixed(clips, targets, 1.0, np.random.default_rng(seed))
        assert (sound.dtype, sound.shape) == (np.int16, clips.shape)
        np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
        assert (shares[[0, 1], [0, 1]] >= 0.5).all()  # each keeps its own label in the majority
        for clip, share, level in zip(sound, shares, (8000, 100), strict=True):
            heard = amplitudes(clip)
            np.testing.assert_allclose(np.hypot(*heard), level, rtol=0.03)
            np.testing.assert_allclose(heard / heard.sum(), share, atol=0.02)
            seen += bool(share.min() > 0.05)
    assert seen  # some clips really were mixed


def test_nothing_comes_out_of_silence_and_loud_clips_are_limited():
    clips = np.stack([np.zeros(16_000, np.int16), np.full(16_000, 32_767, np.int16)])
    for seed in range(4):
        sound, _ = mixed(clips, np.eye(2, dtype=np.float32), 1.0, np.random.default_rng(seed))
        assert np.abs(sound[0].astype(int)).max() <= 1
        assert sound[1].min() >= 0
