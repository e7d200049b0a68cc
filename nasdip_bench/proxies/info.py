"""Description of a training-free score: name, kind, direction, source, what it depends on.

Must not import the registries.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, get_args

from nasdip_bench.errors import ConfigError, unknown_name

NO_REFERENCE = "none"
"""The reference name of a score that has no reference."""

CORRUPTED, GROUND_TRUTH = REFERENCE_NAMES = ("corrupted", "ground_truth")
"""What scores compare with, if anything: what a user has, and what only a benchmark has."""

Kind = Literal["image", "network"]
Dependence = Literal["structure", "initialisation", "image"]
DEPENDENCES: tuple[Dependence, ...] = get_args(Dependence)


@dataclass(frozen=True, kw_only=True)
class ScoreInfo:
    """Description of a score.

    Attributes:
        name: lower-case letters, digits and underscores; unique over both registries.
        kind: "image" (judges an output) or "network" (judges the network itself).
        needs_reference: whether the output is compared with a reference image.
        lower_is_better: the claimed direction; None if none is claimed.
        unit: unit of the value; "1" for a pure number.
        source: paper and equation, or other origin.
        description: one line.
        depends_on: what the value depends on. "structure": the network's structure and the input's
            size; one evaluation serves all images, tasks and initialisations. "initialisation":
            also the weights and z; one evaluation serves all images and tasks. "image": also the
            corrupted image and the task, as for all image scores.
    """

    name: str
    kind: Kind
    needs_reference: bool
    lower_is_better: bool | None
    unit: str
    source: str
    description: str
    depends_on: Dependence = "image"

    def sees_corruption(self, reference: str) -> bool:
        """Whether the value with this reference depends on the drawn noise or mask.

        Args:
            reference: "corrupted", "ground_truth" or "none".
        """
        if self.kind == "network":
            return self.depends_on == "image"
        return reference == "corrupted"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name):
            raise ConfigError(
                f"score name {self.name!r} must be lower-case letters, digits and underscores, "
                "beginning with a letter: it names columns and keys"
            )
        if self.kind not in ("image", "network"):
            raise ConfigError(f"score kind {self.kind!r} must be 'image' or 'network'")
        if self.kind == "network" and self.needs_reference:
            raise ConfigError(
                f"network score {self.name!r} cannot need a reference: it receives the corrupted "
                "image; set needs_reference=False"
            )
        if self.depends_on not in DEPENDENCES:
            raise ConfigError(
                f"score {self.name!r} depends on {self.depends_on!r}, which must be one of "
                f"{', '.join(map(repr, DEPENDENCES))}"
            )
        if self.kind == "image" and self.depends_on != "image":
            raise ConfigError(
                f"image score {self.name!r} cannot depend on {self.depends_on!r} alone: the task "
                "reduces the outputs; set depends_on='image'"
            )


def named_score(text: str, there: Collection[tuple[str, str]]) -> tuple[str, str]:
    """The (name, reference) pair that a text means, among those available.

    A name alone means its only reference, or the corrupted image if there are several. The ground
    truth is an oracle and must always be named.

    Raises:
        UnknownNameError: no such score.
    """
    if not isinstance(text, str):
        raise unknown_name("score", text, ["/".join(one) for one in there])
    name, _, reference = text.partition("/")
    references = [other for one, other in there if one == name]
    if not reference:
        only = len(references) == 1 and references != [GROUND_TRUTH]
        reference = references[0] if only else CORRUPTED
    if reference not in references:
        raise unknown_name("score", text, ["/".join(one) for one in there])
    return name, reference
