"""The run report with its plots and metrics, the model card, and the command that makes a run again.

The HTML templates stand beside the modules; figures come in as plain dictionaries.
Used by `edgekws.sweep`, `edgekws.publish` and `convert`.
"""
