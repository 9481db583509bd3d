"""Many runs from one file: a plan of recipes, a queue of processes here or on a Ray cluster, a table of results."""
