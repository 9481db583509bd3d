"""What a training is fed with: mixed clips have mixed targets and even levels; no word may begin out of quiet."""

import keras
import numpy as np

from edgekws.train import feed

RNG = np.random.default_rng(3)
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
        sound, shares = feed.mixed(clips, targets, 1.0, np.random.default_rng(seed))
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
        sound, _ = feed.mixed(clips, np.eye(2, dtype=np.float32), 1.0, np.random.default_rng(seed))
        assert np.abs(sound[0].astype(int)).max() <= 1
        assert sound[1].min() >= 0


def test_mixup_is_of_training_alone_and_the_same_again():
    clips = (3000 * RNG.normal(size=(16, 16_000))).astype(np.int16)
    labels = np.arange(16) % 4
    mixed, again, plain = (feed.batches(keras, clips, labels, 4, 8, 5, mixup=alpha) for alpha in (1.0, 1.0, 0.0))
    np.testing.assert_array_equal(mixed[1][0], again[1][0])
    np.testing.assert_array_equal(mixed[1][1], again[1][1])
    assert not np.array_equal(mixed[1][0], plain[1][0])
    assert set(np.unique(plain[1][1])) == {0, 1}
    first = mixed[1][1]
    again.epoch = 1
    assert not np.array_equal(again[1][1], first)
    np.testing.assert_array_equal(feed.batches(keras, clips, labels, 4, 8, None, mixup=1.0)[0][0], clips[:8])


def test_the_chosen_clips_alone_are_lowered_up_to_one_place():
    clips = RNG.integers(-30_000, 30_000, (64, 16_000)).astype(np.int16)
    chosen = np.arange(64) % 2 == 0
    changed = feed.out_of_quiet(clips, chosen, np.random.default_rng(1))
    assert changed.dtype == np.int16
    np.testing.assert_array_equal(changed[~chosen], clips[~chosen])
    depths = []
    for before, after in zip(clips[chosen].astype(float), changed[chosen].astype(float), strict=True):
        same = before == after
        place = len(same) - np.argmin(same[::-1])  # the rest of the clip is as it was
        assert 1_500 < place < 14_600
        low = slice(0, place - 300)
        depths.append(-20 * np.log10(max(np.std(after[low]), 0.3) / np.std(before[low])))
    assert min(depths) > feed.LEAST_DB - 0.1
    assert max(depths) > 55


def test_words_keep_their_beginning():
    clips = np.full((32, 16_000), 8_000, np.int16)
    labels = np.arange(32) % 2
    quiet, again, plain = (
        feed.batches(keras, clips, labels, 2, 32, 5, onset=share, no_word=[1])[0] for share in (1.0, 1.0, 0.0)
    )
    np.testing.assert_array_equal(quiet[0], again[0])
    word, other = (quiet[0][quiet[1][:, i] == 1] for i in (0, 1))
    assert (word == 8_000).all()
    assert (np.abs(other[:, 0]) < 900).all()
    assert (other[:, -1] == 8_000).all()
    assert (plain[0] == 8_000).all()
    assert (feed.batches(keras, clips, labels, 2, 32, None, onset=1.0, no_word=[1])[0][0] == 8_000).all()


def test_sound_around_a_clip_is_of_its_recording_or_silence():
    samples = np.arange(1, 401, dtype=np.int16).reshape(4, 100)
    continued = np.array([True, False, True, False])
    rng = np.random.default_rng(0)
    for _ in range(100):
        wide = feed.moved_on(samples, np.arange(4), continued, rng, 30)
        assert wide.shape == (4, 160)
        assert (np.diff(wide[[0, 2]].astype(int)) == 1).all()
        assert samples[0, 0] <= wide[0, 0] <= wide[0, -1] <= samples[1, -1]
        assert samples[2, 0] <= wide[2, 0] <= wide[2, -1] <= samples[3, -1]
        for row in (1, 3):
            np.testing.assert_array_equal(wide[row, 30:130], samples[row])
            assert not wide[row, :30].any()
            assert not wide[row, 130:].any()


def test_validation_hears_clips_in_the_middle_of_silence():
    labels = np.arange(64) % 4
    clips = RNG.integers(-30_000, 30_000, (64, 1_600)).astype(np.int16)
    wide, plain = (feed.batches(keras, clips, labels, 4, 8, None, around=around)[3] for around in (200, 0))
    np.testing.assert_array_equal(wide[0], np.pad(plain[0], ((0, 0), (200, 200))))
    np.testing.assert_array_equal(wide[1], plain[1])
