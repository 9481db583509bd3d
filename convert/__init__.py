"""From a float model to deployable artifacts, each step checked against the one before."""
