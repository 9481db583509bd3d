"""The detector's settings as C, for ``edgekws_detector.h``."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from convert.engine.codegen import MARK
from edgekws.listen.detector import Settings

HEADER = "edgekws_detector.h"


def write(settings: Settings, folder: Path, *, classes_from: str = "edgekws.h") -> None:
    """Add the detector with these settings to a folder whose header ``classes_from`` has EDGEKWS_CLASSES."""
    text = (files("firmware_assets") / "engine" / HEADER).read_text(encoding="utf-8")
    (folder / HEADER).write_text(text.replace('"edgekws.h"', f'"{classes_from}"'), encoding="utf-8")
    lists = {"THRESHOLDS": settings.thresholds, "RELEASES": settings.releases}
    values = {name: "{" + ", ".join(map(str, numbers)) + "}" for name, numbers in lists.items()}
    values |= {key.upper(): str(getattr(settings, key)) for key in ("results", "minimum", "refractory", "hop", "delay")}
    lines = [f"#define EDGEKWS_DETECTOR_{name} {value}" for name, value in values.items()]
    guard = "EDGEKWS_DETECTOR_SETTINGS_H"
    text = "\n".join([f"#ifndef {guard}", f"#define {guard}", "", *lines, "", "#endif", ""])
    (folder / "edgekws_detector_settings.h").write_text(MARK + text, encoding="utf-8")
