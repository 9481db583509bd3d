"""Fills the templates beside this module, and writes numbers as people do."""

from __future__ import annotations

import re
from typing import Any

import jinja2


def page(template: str, values: dict[str, Any]) -> str:
    """A template filled with values. Names with ``.md.j2`` are Markdown, others HTML; both escape the values' text."""
    markdown = template.endswith(".md.j2")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("edgekws.report", "templates"),
        undefined=jinja2.StrictUndefined,
        autoescape=not markdown,
        finalize=markdown_text if markdown else None,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"percent": percent, "points": points, "count": count, "size": size, "ratio": ratio}
    return environment.get_template(template).render(values)


def markdown_text(value: Any) -> Any:
    """A string escaped for Markdown, on one line; other values unchanged."""
    if not isinstance(value, str):
        return value
    escaped = re.sub(r"([\\`*_{}\[\]<>#|~$])", r"\\\1", " ".join(value.splitlines()))
    return escaped.replace("&", "&amp;").replace(r"\<", "&lt;").replace(r"\>", "&gt;")


def percent(value: float, decimals: int = 2) -> str:
    """A fraction in percent: 0.9234 → "92.34 %"."""
    return f"{100 * value:.{decimals}f}\N{NO-BREAK SPACE}%"


def points(value: float) -> str:
    """A difference of fractions in percentage points with its sign: -0.0013 → "−0.13"; a rounded zero has no sign."""
    text = f"{100 * value:+.2f}"
    return "0.00" if float(text) == 0 else text.replace("-", "\N{MINUS SIGN}")


def count(value: int | None) -> str:
    """A number with separated thousands: 26524 → "26,524"; None → a dash."""
    return "\N{EN DASH}" if value is None else f"{value:,}"


def size(value: int) -> str:
    """Bytes in KiB: 42096 → "41.1 KiB"."""
    return f"{value / 1024:,.1f}\N{NO-BREAK SPACE}KiB"


def ratio(value: float) -> str:
    """A scale as 1/n if it is such a fraction: 0.0078125 → "1/128"."""
    return f"1/{round(1 / value)}" if value and (1 / value).is_integer() else f"{value:.6g}"
