"""``PYTHON mediapipe_client.py MODEL SAMPLES.npy SCORES.npz``, in an environment with mediapipe: a phone's own library.

MODEL is loaded by MediaPipe Tasks' AudioClassifier and fed int16 samples (n, window) clip by clip, as an app does.
SCORES gets `names` (classes,), in the label file's order, and `scores` float32 (n, classes).
"""

import sys

import numpy as np
from mediapipe.tasks.python import BaseOptions, audio
from mediapipe.tasks.python.components.containers import AudioData, AudioDataFormat


def main(model: str, samples_file: str, scores_file: str) -> None:
    options = audio.AudioClassifierOptions(base_options=BaseOptions(model_asset_path=model))
    samples, scores, names = np.load(samples_file), [], []
    with audio.AudioClassifier.create_from_options(options) as classifier:
        for clip in samples:
            data = AudioData(len(clip), AudioDataFormat(1, 16_000))
            data.load_from_array(clip.astype(np.float32) / 32_768)
            (result,) = classifier.classify(data)
            heard = sorted(result.classifications[0].categories, key=lambda category: category.index)
            names = [category.category_name for category in heard]
            scores.append([category.score for category in heard])
    np.savez(scores_file, names=names, scores=np.array(scores, np.float32))


if __name__ == "__main__":
    main(*sys.argv[1:])
