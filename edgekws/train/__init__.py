"""Trains the float model: a loop that can be killed, augmentation, mixup, distillation, fused batch norm.

Takes a run folder and a corpus, and writes float.keras into the run.
Used by `edgekws.sweep`, by `convert` and by the command line.
"""

import os

# by itself TensorFlow takes oneDNN only where the CPU has AVX512_VNNI or more; with AVX2 alone it trains twice as fast
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # TensorFlow reads it when it is first imported
