"""The .tflite file: makes it from fake-quantized Keras, reads it, runs it, rewrites it for phones and Ethos-U.

Bundles and profiles start from `convert.tflite.artifact`.
Used by every other room of `convert`, and by the command line.
"""
