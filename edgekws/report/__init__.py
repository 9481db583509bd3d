"""Writes the run report with its plots and metrics, the model card, and the command that makes a run again.

Figures come in as plain dictionaries; the HTML templates are beside the modules.
Used by `edgekws.sweep`, `edgekws.publish` and `convert`.
"""
