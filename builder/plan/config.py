"""What is asked of a build: one validated, frozen object."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nasdip_bench.errors import ArchitectureError, ConfigError
from nasdip_bench.fidelity import Fidelity, check_precision
from nasdip_bench.images import Image
from nasdip_bench.proxies import info
from nasdip_bench.space import Architecture
from nasdip_bench.space.paper_lists import PAPER_ARCHITECTURES, paper_architectures
from nasdip_bench.tasks import get_task

__all__ = ["DEFAULT_SCORING_INITS", "BuildConfig", "read_architectures"]

DEFAULT_SCORING_INITS = 8
MAX_SEED = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class BuildConfig:
    """A build.

    Attributes:
        images: the images, loaded and checked.
        tasks: names of tasks.
        architectures: distinct, in the order of the list.
        fidelity: the training set-up.
        seeds: replicate numbers, distinct and not negative.
        precision: one of `nasdip_bench.fidelity.PRECISIONS`.
        device: "cpu", "cuda" or "cuda:N".
        scoring_inits: initialisations a training-free score is averaged over; 0 leaves scores out.
        scores: names of the scores to compute; none named: all that are registered.
        train: whether runs are trained (else only scores are computed).

    Raises:
        ConfigError: a value outside what is allowed, or a fidelity without one of the tasks.
        UnknownNameError: a task, precision or score that does not exist.
    """

    images: tuple[Image, ...]
    tasks: tuple[str, ...]
    architectures: tuple[Architecture, ...]
    fidelity: Fidelity
    seeds: tuple[int, ...] = (0,)
    precision: str = "fp32"
    device: str = "cpu"
    scoring_inits: int = DEFAULT_SCORING_INITS
    scores: tuple[str, ...] = ()
    train: bool = True

    def __post_init__(self) -> None:
        for what, values in (
            ("image", [image.name for image in self.images]),
            ("task", self.tasks),
            ("architecture", self.architectures),
            ("seed", self.seeds),
            ("score", self.scores),
        ):
            if not values and what != "score":
                raise ConfigError(f"no {what} is asked for; give at least one")
            repeated = sorted({str(v) for v in values if list(values).count(v) > 1})
            if repeated:
                raise ConfigError(f"{what} {repeated[0]} is asked for twice; give each once")
        sets = sorted({image.image_set for image in self.images})
        if len(sets) > 1:
            raise ConfigError(f"images of the sets {' and '.join(sets)} do not go in one build")
        for name in self.tasks:
            self.fidelity.iterations_for(get_task(name).kind)
        if self.image_set == "user":  # of the other sets the sizes are known
            for image in self.images:
                image.at_resolution(self.fidelity.resolution)
        for seed in self.seeds:
            if not 0 <= seed <= MAX_SEED:
                raise ConfigError(f"seed {seed} must lie in 0..{MAX_SEED}")
        check_precision(self.precision, self.device)
        if self.scoring_inits < 0:
            raise ConfigError(f"scoring initialisations {self.scoring_inits} must be 0 or above")
        for name in self.scores:
            info(name)
        if self.scores and not self.scoring_inits:
            raise ConfigError(
                f"scores {', '.join(self.scores)} are asked for, over 0 initialisations; give at "
                f"least 1, or name no scores"
            )
        if not (self.train or self.scoring_inits):
            raise ConfigError("neither runs nor scores are asked for; there is nothing to build")

    @property
    def image_set(self) -> str:
        """The set all images are of."""
        return self.images[0].image_set


def read_architectures(text: str) -> tuple[Architecture, ...]:
    """The architectures of ``--architectures``: a number of the paper's, or a file.

    Args:
        text: a count (the first of the paper's 522), or the path of a CSV file with lines
            ``cell,skip`` or ``cell,skip,dilation``, with or without a heading, in the order to
            build them in.

    Raises:
        ConfigError: the count is out of range, the file cannot be read or holds no architectures.
        ArchitectureError: a line is no valid architecture; the message gives file and line.
    """
    if text.isdecimal():
        count = int(text)
        if not 1 <= count <= PAPER_ARCHITECTURES:
            raise ConfigError(
                f"{text} architectures are asked for, the paper has {PAPER_ARCHITECTURES}; give a "
                f"number in 1..{PAPER_ARCHITECTURES}, or a CSV file of others"
            )
        return tuple(paper_architectures(count))
    path = Path(text)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [(number, row) for number, row in enumerate(csv.reader(file), 1) if any(row)]
    except FileNotFoundError:
        raise ConfigError(
            f"--architectures {text!r} is neither a number (such as {PAPER_ARCHITECTURES}) nor a "
            f"file; give one of the two"
        ) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"cannot read architectures from {text!r}: {error}") from error
    if rows and rows[0][1][0].strip().lower() in ("cell", "architecture"):
        rows = rows[1:]
    if not rows:
        raise ConfigError(f"{text!r} holds no architectures; give lines 'cell,skip'")
    return tuple(_read_line(row, f"{text}, line {number}") for number, row in rows)


def _read_line(row: Sequence[str], where: str) -> Architecture:
    fields = [field.strip() for field in row]
    try:
        if len(fields) == 1:
            return Architecture.parse(fields[0])
        numbers = [fields[0], *fields[2:]]
        if len(fields) > 3 or not all(field.isdecimal() for field in numbers):
            raise ArchitectureError(f"{','.join(row)!r} is not 'cell,skip' or 'cell,skip,dilation'")
        return Architecture(int(fields[0]), fields[1], *map(int, fields[2:]))
    except ArchitectureError as error:
        raise ArchitectureError(f"{where}: {error}") from error
