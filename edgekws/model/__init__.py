"""Architectures as data, the catalogue of them, the Keras network made from one, and the coding of its input.

Knows nothing of recordings, of training or of runs.
Anyone may use it.
"""
