"""Fake quantization of the float model, and training with it: the float network rounds as int8 will.

No other room imports tf_keras and TFMOT.
Used by `convert.pipeline`.
"""
