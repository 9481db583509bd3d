"""The C engine's generator: it turns a graph into C, and runs that C on this machine and on emulated processors.

It takes a `convert.tflite.graph.Graph` and writes C that uses ``firmware_assets/engine``.
Used by `convert.prove`, `convert.targets` and the command line.
"""
