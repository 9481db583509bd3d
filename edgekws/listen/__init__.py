"""Turns scores into detections, makes test streams with known words, and chooses thresholds on them.

Knows neither which model gives the scores nor what a run folder is.
Used by `edgekws.workspace`, by `convert` and by the command line.
"""
