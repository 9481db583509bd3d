"""What a finished model is worth: parity of its forms, robustness, the detector on streams, and the run's figures.

Nothing here changes a model; `convert.prove.tuning` alone writes a file, the detector's settings.
Used by `convert.pipeline` and the command line.
"""
