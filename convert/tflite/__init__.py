"""The .tflite file: made from fake-quantized Keras, read into a graph, run, rewritten for phones and for Ethos-U.

`convert.tflite.artifact` is what bundles and profiles start from.
Used by every other room of `convert`, and by the command line.
"""
