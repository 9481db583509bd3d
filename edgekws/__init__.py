"""edgekws: keyword spotters for microcontrollers and phones, from recordings to proved int8 models."""

__version__ = "0.1.0"
