"""From scores to detections, test streams in which it is known what is said, and thresholds tuned on them.

Does not know which model gives the scores, nor what a run folder is.
Used by `edgekws.workspace`, by `convert` and by the command line.
"""
