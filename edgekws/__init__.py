"""edgekws: keyword spotters for microcontrollers and phones, from recordings to proved int8 models.

    import edgekws
    spotter = edgekws.load("small")                # a shipped name, a run folder, a bundle or a .tflite file
    spotter.classify(samples, rate=44_100)         # {"yes": 0.98, ...}, best first
    for event in spotter.listen("meeting.wav"):    # or blocks of samples, or edgekws.microphone()
        print(event.time, event.word, event.score)

``edgekws.run`` trains, quantizes, converts and proves. ``edgekws.bundle`` writes the files that a board's build needs.
``tests/test_rooms.py`` says which room may import which.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Spotter", "__version__", "bundle", "load", "microphone", "run"]

if TYPE_CHECKING:
    from edgekws.spotter import Spotter, bundle, load, microphone, run


def __getattr__(name: str) -> Any:
    """A name of ``edgekws.spotter``, which is imported when it is first needed."""
    if name not in __all__:
        raise AttributeError(f"module 'edgekws' has no attribute '{name}'")
    from edgekws import spotter

    return getattr(spotter, name)
