"""Writes the lines before a model card from which the Hugging Face Hub shows and finds a model."""

from __future__ import annotations

import json
from typing import Any

from edgekws.errors import plain
from edgekws.report import metrics, summary
from edgekws.report.listening_lines import SYNTHETIC

_LIBRARY, _TASK = "tflite", "audio-classification"
_SPEECH_COMMANDS = "google/speech_commands"  # a data set of the Hub


def of_figures(figures: dict[str, Any]) -> str:
    """YAML between two lines of ``---`` from a report's figures: what the model is, and a model-index with its accuracy
    on the testing split."""
    data = figures["data"]
    known = "Speech Commands" in data["source"] + data["licence"]
    synthetic = figures["recipe"]["data"]["source"] == "espeak"
    dataset = {
        "type": _SPEECH_COMMANDS if known else "synthetic-speech" if synthetic else "own-recordings",
        "name": _line(data["source"]),
        "split": "test",
    }
    found: dict[str, Any] = {
        "license": "other",
        "license_name": "see-the-card",
        "license_link": "README.md",  # the README's section on the data
        "library_name": _LIBRARY,
        "pipeline_tag": _TASK,
        "tags": ["keyword-spotting", "wake-word", "int8", "microcontroller", "edgekws"],
    }
    if known:
        found["datasets"] = [_SPEECH_COMMANDS]
    result = {"task": {"type": _TASK, "name": "Keyword spotting"}, "dataset": dataset, "metrics": _metrics(figures)}
    found["model-index"] = [{"name": _line(figures["name"]), "results": [result]}]
    return "\n".join(["---", *_yaml(found), "---", "", ""])


def _metrics(figures: dict[str, Any]) -> list[dict[str, Any]]:
    right = metrics.counted(summary.words_right(figures))
    low, high = right["interval"]
    counted = f"{right['correct']} of {right['total']}, 95 % interval {low:.4f} to {high:.4f}"
    found = [
        {"type": "accuracy", "value": round(right["accuracy"], 6), "name": f"words heard right by int8 ({counted})"}
    ]
    if listening := figures.get("listening"):
        testing = listening["testing"]
        low, high = testing["interval"]
        kind = SYNTHETIC if listening.get("synthetic_only", True) else testing.get("kind", "")
        sound = ", ".join(filter(None, [f"{testing['hours']:.2f} h", kind]))
        found.append(
            {
                "type": "false-accepts-per-hour",
                "value": round(testing["per_hour"], 4),
                "name": f"false accepts an hour, {sound} (95 % interval {low:.2f} to {high:.2f})",
            }
        )
        found += [
            {
                "type": "miss-rate",
                "value": round(row["rate"], 6),
                "name": f"words missed, {row['snr_db']:g} dB over noise ({row['missed']} of {row['total']})",
            }
            for row in testing["misses"]
        ]
    return found


def _line(text: str) -> str:
    return plain(" ".join(text.split()))


def _yaml(value: Any) -> list[str]:
    """A value as lines of YAML. Strings are JSON, which is also YAML, with < escaped so that no HTML tag begins."""
    if isinstance(value, dict):
        lines = []
        for key, one in value.items():
            below = _yaml(one)
            nested = isinstance(one, dict | list)
            lines += [f"{key}:", *(f"  {line}" for line in below)] if nested else [f"{key}: {below[0]}"]
        return lines
    if isinstance(value, list):
        return [f"{'  ' if i else '- '}{line}" for one in value for i, line in enumerate(_yaml(one))]
    return [json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")]
