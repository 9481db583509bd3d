"""Targets for machines in a home: a Raspberry Pi or PC with Home Assistant, and boards that ESPHome programs.

Both always run in sliding mode with the detector, since they listen to continuous sound.
"""
