"""Trains the float model: a loop that can be killed, augmentation, mixup, distillation, fused batch norm.

Takes a run folder and a corpus, and writes float.keras into the run.
Used by `edgekws.sweep`, by `convert` and by the command line.
"""
