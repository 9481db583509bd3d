"""Writes the two C headers that also work without the engine: the front end, and the detector with its settings."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from convert.engine.codegen import MARK
from edgekws.listen.detector import TALK, Settings

HEADER = "edgekws_detector.h"
FRONT_END_HEADER = "edgekws_frontend.h"


def write(settings: Settings, folder: Path, *, classes_from: str = "edgekws.h") -> None:
    """Add the detector and these settings to a folder. Its header ``classes_from`` must define EDGEKWS_CLASSES."""
    write_header(HEADER, folder, classes_from)
    opens = tuple(int(word in settings.opened_by) for word in range(len(settings.thresholds)))
    lists = {"THRESHOLDS": settings.thresholds, "RELEASES": settings.releases, "OPENERS": opens}
    values = {name: "{" + ", ".join(map(str, numbers)) + "}" for name, numbers in lists.items()}
    numbers = ("results", "minimum", "refractory", "open", "alone", "before", "unknown", "hop", "delay")
    values |= {key.upper(): str(getattr(settings, key)) for key in numbers} | {"TALK": f"{TALK}u"}
    values["RISE"] = f"{settings.alone * settings.results}u"
    lines = [f"#define EDGEKWS_DETECTOR_{name} {value}" for name, value in values.items()]
    guard = "EDGEKWS_DETECTOR_SETTINGS_H"
    text = "\n".join([f"#ifndef {guard}", f"#define {guard}", "", *lines, "", "#endif", ""])
    (folder / "edgekws_detector_settings.h").write_text(MARK + text, encoding="utf-8")


def write_header(name: str, folder: Path, settings: str) -> None:
    """Copy one of the engine's headers into a folder and make it include ``settings`` in place of ``edgekws.h``."""
    text = (files("firmware_assets") / "engine" / name).read_text(encoding="utf-8")
    (folder / name).write_text(text.replace('"edgekws.h"', f'"{settings}"'), encoding="utf-8")
