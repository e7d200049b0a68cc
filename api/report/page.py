"""The report's page: fills the template with the payload and escapes everything."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable
from functools import cache
from html import escape
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..exhibits.exhibit import write_text
from .data import CURVE_POINTS, report_payload

if TYPE_CHECKING:
    from ..reading.reader import ReleaseReader

_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
# "<" could end a script element, and old scripts reject the two line separators in JSON.
_IN_SCRIPT = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"} | {
    character: f"\\u{ord(character):04x}" for character in "\u2028\u2029"
}


def write_report(bench: ReleaseReader, path: Path | str, fidelity: str | None = None) -> int:
    """Write the page atomically.

    Args:
        path: file to write.
        fidelity: for all tasks; None for the release's default for each.

    Returns:
        Its size in bytes.

    Raises:
        ConfigError: the file cannot be written.
        UnknownNameError: an unknown fidelity.
        MissingRunError: the release has no runs to show.
    """
    content = report_html(report_payload(bench, fidelity))
    write_text(Path(path), content)
    return len(content.encode())


def report_html(payload: dict[str, Any]) -> str:
    """The page for a payload from `nasdip_bench.api.report.data.report_payload`."""
    style, template = _part("page.css"), _part("page.html")
    script = _part("charts.js") + _part("page.js")
    data = embedded_json(payload)
    release = payload["release"]
    size = (len(data) + len(style) + len(script) + len(template)) / 2**20
    values = {
        "title": escape(f"{release['name']} {release['version']}"),
        "facts": escape(_facts(payload)),
        "missing": "".join(f"<li>{escape(line)}</li>" for line in payload["missing"])
        or "<li>The release is complete: no run is missing.</li>",
        "sets": _options(f"{one['task']} ({one['fidelity']})" for one in payload["sets"]),
        "images": _options(image["name"] for image in payload["images"]),
        "points": str(CURVE_POINTS),
        "size": f"{size:.1f}",
        "style": style,
        "script": script,
        "style_hash": _hash(style),
        "script_hash": _hash(script),
        "data": data,
    }
    # In one pass, so that nothing in the values is mistaken for a placeholder.
    return _PLACEHOLDER.sub(lambda found: values[found[1]], template)


def embedded_json(payload: dict[str, Any]) -> str:
    """JSON that is safe inside a script element: it has no "<", ">" or "&"."""
    text = json.dumps(payload, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return re.sub("[<>&\u2028\u2029]", lambda found: _IN_SCRIPT[found[0]], text)


def _options(names: Iterable[str]) -> str:
    """The options of a select element, valued by place."""
    return "".join(
        f'<option value="{place}">{escape(name)}</option>' for place, name in enumerate(names)
    )


def _facts(payload: dict[str, Any]) -> str:
    release = payload["release"]
    sets = ", ".join(
        f"{one['task']} at {one['fidelity']} ({one['resolution']}×{one['resolution']}, "
        f"{one['channels']} channels, {one['iterations']} iterations, seed"
        f"{'' if len(one['seeds']) == 1 else 's'} {', '.join(map(str, one['seeds']))})"
        for one in payload["sets"]
    )
    return (
        f"{len(payload['architectures']['code'])} architectures, {len(payload['images'])} images "
        f"(set {release['image_set']}); {sets}. Released {release['created']}; protocol "
        f"{release['protocol_version']}."
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _part(name: str) -> str:
    file = resources.files("nasdip_bench.api.report").joinpath(name)
    return file.read_text(encoding="utf-8")
