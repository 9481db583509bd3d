"""The picture of what was heard: words and seconds stand in it, and it is well-formed."""

from xml.etree import ElementTree

import numpy as np

from edgekws.report import timeline


def test_words_and_times_stand_in_the_picture():
    samples = np.random.default_rng(0).integers(-9_000, 9_000, 64_000).astype(np.int16)
    drawn = timeline.svg("a & b.wav", samples, [(0.0, 0.1), (2.0, 0.9), (4.0, 0.2)], [(2.0, "yes"), (3.5, "<no>")])
    root = ElementTree.fromstring(drawn)
    texts = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert {"a & b.wav", "yes", "<no>", "4 s"} <= set(texts)
    (place,) = [float(e.get("x")) for e in root.iter() if e.tag.endswith("text") and e.text == "yes"]
    assert place == timeline.LEFT + (timeline.WIDTH - timeline.LEFT - timeline.RIGHT) / 2
    assert drawn == timeline.svg(
        "a & b.wav", samples, [(0.0, 0.1), (2.0, 0.9), (4.0, 0.2)], [(2.0, "yes"), (3.5, "<no>")]
    )


def test_silence_and_no_results_are_drawn():
    ElementTree.fromstring(timeline.svg("quiet", np.zeros(0, np.int16), [], []))
