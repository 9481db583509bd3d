"""Turns a float model into deployable artifacts, and checks each step against the one before.

`pipeline` has the steps of a run. The rooms below it are tflite, quantize, engine, prove and targets.
Imports `edgekws`; only the command line imports it.
"""
