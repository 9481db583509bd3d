"""Does many runs from one file: a list of recipes, a queue of processes here or on a Ray cluster, a table of results.

Each run is a separate process of `edgekws`. `grid` reads the file; `work` starts and watches one run.
Used by `edgekws.publish` and the command line.
"""
