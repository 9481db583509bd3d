"""Fake quantization of the float model, and the training that goes with it.

The only room that imports tf_keras and TFMOT.
Used by `convert.pipeline`.
"""
