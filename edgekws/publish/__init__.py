"""How a finished run becomes a model that ships, and the table and charts that compare those models.

Reads the results of sweeps and runs, and writes ``firmware_assets/pretrained``.
Used by the command line.
"""
