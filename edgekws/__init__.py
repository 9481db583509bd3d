"""edgekws: keyword spotters for microcontrollers and phones, from recordings to proved int8 models.

Words, recordings, float models, listening and the command line live here; `convert` makes artifacts of the models.
Which room may import which is written in ``tests/test_rooms.py``.
"""

__version__ = "0.1.0"
