"""Restoration methods, and the methods, tasks and sets of the paper's Tables 2 and 3.

A method is written as its parts, joined by slashes:

    dip, nas-dip               the networks of DIP and NAS-DIP for the kind of task
    isnas/SCORE/full|resized   the search: the N best-ranked are trained on the image, or on the
                               corrupted image made small; the closest to their average restores
    random/full|resized        the same with N candidates drawn at random and equal weights
    best-score/SCORE           the best-ranked candidate restores; no cohort is trained
    oracle/SCORE               the N best-ranked are trained on the image; the one with the highest
                               PSNR restores: a bound, since it needs the ground truth
    classical                  non-local means, biharmonic inpainting, bicubic enlargement
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from nasdip_bench.errors import ConfigError, check_name
from nasdip_bench.tasks import SuperResolve, get_task

SCORES = ("psd_db_mse", "psd_db_strip_mse", "psd_strip_hist_emd", "psd_99_bandwidth")
"""The paper's scores, in the order of Table 2."""

SELECTIONS = ("full", "resized")

METHODS = ("dip", "nas-dip", "isnas", "random", "best-score", "oracle", "classical")


class Method(NamedTuple):
    """A method.

    Attributes:
        name: one of `METHODS`.
        score: what candidates are ranked by, else "".
        selection: one of `SELECTIONS` if there is a cohort, else "".
    """

    name: str
    score: str = ""
    selection: str = ""

    def __str__(self) -> str:
        shown = "" if self.name == "oracle" else self.selection
        return "/".join(part for part in (self.name, self.score, shown) if part)

    @property
    def ranks(self) -> bool:
        """Whether candidates are ranked by a score."""
        return bool(self.score)

    @property
    def is_drawn(self) -> bool:
        """Whether the method draws anything, so that results have a seed."""
        return self.name != "classical"


def parse_method(text: str) -> Method:
    """Parse a method, written as in the list above.

    Raises:
        UnknownNameError, ConfigError: the text is not a method.
    """
    name, *parts = text.strip().split("/")
    check_name("method", name, METHODS)
    with_score = name in ("isnas", "best-score", "oracle")
    with_selection = name in ("isnas", "random")
    if len(parts) != with_score + with_selection:
        form = "/".join([name, *["SCORE"] * with_score, *["full|resized"] * with_selection])
        raise ConfigError(f"method {text!r} must be written {form}")
    selection = parts[-1] if with_selection else "full" if name == "oracle" else ""
    if with_selection:
        check_name("selection", selection, SELECTIONS)
    return Method(name, parts[0] if with_score else "", selection)


def restorable(method: Method, task: str) -> bool:
    """Whether a method is defined for a task; resized selection is not for super-resolution."""
    return not (method.selection == "resized" and isinstance(get_task(task), SuperResolve))


@dataclass(frozen=True, kw_only=True)
class PaperTable:
    """What a table of the paper has.

    Attributes:
        rows: the sets by task, as in the paper.
        columns: the methods, as in the paper.
        further: additional methods, only here.
    """

    rows: dict[str, tuple[str, ...]]
    columns: tuple[Method, ...]
    further: tuple[Method, ...]

    def cells(self) -> Iterator[tuple[str, str]]:
        """(task, set) of each row."""
        for task, sets in self.rows.items():
            for name in sets:
                yield task, name


_STRIP = "psd_db_strip_mse"
_DENOISE_SETS, _INPAINT_SETS = ("bm3d", "set12", "cbm3d"), ("bm3d", "set12")

TABLES = {
    "2": PaperTable(
        rows={
            "denoise": _DENOISE_SETS,
            "inpaint": _INPAINT_SETS,
            "super_resolve_x2": ("set5", "set14"),
            "super_resolve_x4": ("set5", "set14"),
            "super_resolve_x8": ("set5", "set14"),
        },
        columns=(
            Method("dip"),
            Method("nas-dip"),
            *(Method("isnas", score, "full") for score in SCORES),
        ),
        further=(
            Method("best-score", _STRIP),
            Method("oracle", _STRIP, "full"),
            Method("classical"),
        ),
    ),
    "3": PaperTable(
        rows={"denoise": _DENOISE_SETS, "inpaint": _INPAINT_SETS},
        columns=(
            Method("random", "", "resized"),
            Method("nas-dip"),
            Method("isnas", _STRIP, "resized"),
            Method("isnas", _STRIP, "full"),
        ),
        further=(Method("classical"),),
    ),
}
"""The tables by number."""
