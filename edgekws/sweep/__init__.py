"""Many runs from one file: a plan of recipes, a queue of processes here or on a Ray cluster, a table of results.

Each run is a process of its own that runs `edgekws`; `grid` reads the file, `work` starts and watches one run.
Used by `edgekws.publish` and the command line.
"""
