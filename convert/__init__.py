"""From a float model to deployable artifacts, each step checked against the one before.

`pipeline` has the steps of a run; the rooms below it are tflite, quantize, engine, prove and targets.
Imports `edgekws`; only the command line imports it.
"""
