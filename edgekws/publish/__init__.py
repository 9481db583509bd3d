"""Turns a finished run into a shipped model, and makes the table and charts that compare shipped models.

Reads the results of sweeps and runs, and writes ``firmware_assets/pretrained``.
Used by the command line.
"""
