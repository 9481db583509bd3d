"""Measures a finished model: parity of its forms, robustness, the detector on streams, and the run's figures.

Nothing here changes a model. `measure` and `mined` write WAV files if asked; the others write nothing.
Used by `convert.pipeline` and the command line.
"""
