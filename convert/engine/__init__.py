"""The generator of the C engine: from a graph to C, its self-test, and the engine run on this machine and emulated.

It takes a `convert.tflite.graph.Graph` and writes C that uses ``firmware_assets/engine``.
Used by `convert.prove`, `convert.targets` and the command line.
"""
