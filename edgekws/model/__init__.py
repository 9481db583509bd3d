"""Architectures as data, their catalogue, the Keras network of an architecture, and the coding of its input.

Knows nothing of recordings, training or runs.
Every room may use it.
"""
