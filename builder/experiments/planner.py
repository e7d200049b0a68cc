"""What each result waits for: candidates to be ranked, a cohort to be trained, a restoration.

A result's fits become known one step after another: who is in a cohort depends on the ranking, who
restores on the cohort's outputs. So the plan is a question asked again after every finished unit:
which fits can begin now? Cohorts of different scores overlap, and selectors agree: a fit that
serves several results is one unit. Must not import torch at module level.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nasdip_bench.experiments.methods import Method
from nasdip_bench.seeding import BitStream
from nasdip_bench.space.paper_lists import candidate_architectures

from .config import ExperimentConfig
from .state import State
from .units import FitKey, FitUnit, Pair, RankingUnit, ResultKey, Unit

__all__ = ["Choice", "Planner"]

_CHUNK = 25
"""Candidates of a ranking unit."""

_FIXED = {
    "dip": ("dip", "baseline"),
    "nas-dip": ("nas_dip", "baseline"),
    "classical": ("classical",) * 2,
}
"""Methods whose network is known from the beginning, with it and the purpose of its fit."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which fit is a method's result, and how it came to be chosen.

    Attributes:
        final: its key; None where the whole cohort diverged.
        cohort: keys of the cohort's fits, best-ranked first; none where there was no cohort.
        selected: the fit of the cohort that was selected.
    """

    final: FitKey | None
    cohort: tuple[FitKey, ...] = ()
    selected: FitKey | None = None


class Planner:
    """Answers what is to be done.

    Args:
        config: what is asked for.
        state: what is finished; looked at anew at every question.
        wanted: the results to plan for; None: all that is asked for.
    """

    def __init__(
        self, config: ExperimentConfig, state: State, wanted: Iterable[ResultKey] | None = None
    ) -> None:
        self.config, self.state, self.setting = config, state, config.setting
        self.wanted = tuple(config.wanted if wanted is None else wanted)
        self._of_pair: dict[Pair, list[tuple[Method, int]]] = {}
        for key in self.wanted:
            asked = self._of_pair.setdefault(key.pair, [])
            if (key.method, key.seed or 0) not in asked:
                asked.append((key.method, key.seed or 0))
        self._choices: dict[tuple[Pair, Method, int], Choice] = {}
        self._rankings: dict[tuple[Pair, str], list[str]] = {}

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The images with their tasks, each once."""
        return tuple(self._of_pair)

    @cached_property
    def candidates(self) -> tuple[str, ...]:
        """Canonical strings of the architectures that are ranked."""
        sample = candidate_architectures(self.setting.candidates)
        return tuple(map(str, sample))

    # -- units -------------------------------------------------------------------------------------

    def begin(self) -> list[Unit]:
        """All units that can begin now: rankings first, image by image of one shape, then fits."""
        return [*self.rankings(), *(unit for pair in self.pairs for unit in self.fits(pair))]

    def rankings(self) -> Iterator[RankingUnit]:
        """Rankings that are not finished, of images of one shape together."""
        by_shape: dict[tuple[int, ...], list[Pair]] = {}
        for pair, asked in self._of_pair.items():
            scores = {method.score for method, _ in asked if method.ranks}
            if any(self.ranking(pair, score) is None for score in scores):
                by_shape.setdefault(self.config.shapes[pair.image], []).append(pair)
        for pairs in by_shape.values():
            for first in range(0, len(self.candidates), _CHUNK):
                unit = self._ranking(self.candidates[first : first + _CHUNK], pairs)
                if unit is not None:
                    yield unit

    def _ranking(self, architectures: tuple[str, ...], pairs: list[Pair]) -> RankingUnit | None:
        missing = [
            (arch, pair, score)
            for pair in pairs
            for score in self._scores(pair)
            for arch in architectures
            if arch not in self.state.scores(pair, score)
        ]
        if not missing:
            return None
        archs, of_pairs, scores = (
            tuple(dict.fromkeys(part)) for part in zip(*missing, strict=True)
        )
        return RankingUnit(archs, of_pairs, scores)

    def _scores(self, pair: Pair) -> tuple[str, ...]:
        return tuple(dict.fromkeys(m.score for m, _ in self._of_pair[pair] if m.ranks))

    def fits(self, pair: Pair) -> list[FitUnit]:
        """Fits of an image that can begin now and are not finished, each once."""
        keys = (
            key for method, seed in self._of_pair[pair] for key in self._next(pair, method, seed)
        )
        return [FitUnit(key) for key in dict.fromkeys(keys)]

    def _next(self, pair: Pair, method: Method, seed: int) -> list[FitKey]:
        cohort = self.cohort(pair, method, seed)
        if cohort is None:
            return []
        if waiting := [key for key in cohort if not self.state.done(key)]:
            return waiting
        choice = self.choice(pair, method, seed)
        if choice is None or choice.final is None or self.state.done(choice.final):
            return []
        return [choice.final]

    def expected(self) -> Iterator[Unit]:
        """All that is left, as far as it can be told; of what is not known yet, the most.

        A cohort that is not ranked is taken to be the next candidates that no other has, and a
        restoration whose network is not selected to be of the first of its cohort.
        """
        yield from self.rankings()
        for pair, asked in self._of_pair.items():
            keys: list[FitKey] = []
            unknown = 0
            for method, seed in asked:
                cohort = self.cohort(pair, method, seed)
                if cohort is None:
                    size = self.setting.cohort if method.selection else 0
                    names = [self._candidate(unknown + i) for i in range(max(1, size))]
                    unknown += len(names)
                    cohort = [self._member(pair, n, method, seed) for n in names[:size]]
                    keys += [*cohort, FitKey(*pair, names[0], "restore", seed)]
                    continue
                keys += cohort
                choice = self.choice(pair, method, seed)
                if choice is None:
                    keys.append(FitKey(*pair, cohort[0].network, "restore", seed))
                elif choice.final is not None:
                    keys.append(choice.final)
            yield from (FitUnit(key) for key in dict.fromkeys(keys) if not self.state.done(key))

    def _candidate(self, number: int) -> str:
        return self.candidates[number % len(self.candidates)]

    def _all_done(self, keys: Iterable[FitKey]) -> bool:
        return all(self.state.done(key) for key in keys)

    # -- who is chosen -----------------------------------------------------------------------------

    def ranking(self, pair: Pair, score: str) -> list[str] | None:
        """The candidates, best first; None while a score is missing."""
        known = self.state.scores(pair, score)
        if len(known) < len(self.candidates):
            return None
        if (pair, score) not in self._rankings:
            # As `nasdip_bench.isnas.ranked`: ties in the order of the list, no numbers last.
            self._rankings[pair, score] = sorted(
                self.candidates, key=lambda arch: (math.isnan(known[arch]), known[arch])
            )
        return self._rankings[pair, score]

    def cohort(self, pair: Pair, method: Method, seed: int) -> list[FitKey] | None:
        """Keys of the cohort's fits, best-ranked first; [] without one; None while not known."""
        if method.ranks:
            best = self.ranking(pair, method.score)
            if best is None:
                return None
            names = best[: self.setting.cohort] if method.selection else []
        elif method.selection:
            names = self._drawn(pair, seed)
        else:
            names = []
        return [self._member(pair, name, method, seed) for name in names]

    def _member(self, pair: Pair, name: str, method: Method, seed: int) -> FitKey:
        return FitKey(*pair, name, f"cohort-{method.selection}", seed)

    def _drawn(self, pair: Pair, seed: int) -> list[str]:
        """N candidates without a look at any score, drawn for the image, task and seed."""
        stream = BitStream("random cohort", pair.image, pair.task, seed)
        left = list(self.candidates)
        return [left.pop(stream.integer(len(left))) for _ in range(self.setting.cohort)]

    def choice(self, pair: Pair, method: Method, seed: int) -> Choice | None:
        """Which fit is the method's result; None while that is not known.

        Raises:
            BuildError: the output of a finished fit cannot be read any more.
        """
        which = (pair, method, seed)
        if which not in self._choices:
            found = self._choose(pair, method, seed)
            if found is None:
                return None
            self._choices[which] = found
        return self._choices[which]

    def _choose(self, pair: Pair, method: Method, seed: int) -> Choice | None:
        if method.name in _FIXED:
            return Choice(final=FitKey(*pair, *_FIXED[method.name], seed))
        cohort = self.cohort(pair, method, seed)
        if cohort is None or not self._all_done(cohort):
            return None
        if not cohort:
            ranking = self.ranking(pair, method.score)
            if ranking is None:
                return None
            return Choice(final=FitKey(*pair, ranking[0], "restore", seed))
        members = [key for key in cohort if self.state.fits[key].ok]
        if not members:
            return Choice(final=None, cohort=tuple(cohort))
        selected = members[self._position(pair, method, members)]
        return Choice(
            final=FitKey(*pair, selected.network, "restore", seed),
            cohort=tuple(cohort),
            selected=selected,
        )

    def _position(self, pair: Pair, method: Method, members: list[FitKey]) -> int:
        from nasdip_bench.dataset.distances import mean_squares
        from nasdip_bench.isnas.selection import Cohort, get_selector

        rows: list[dict[str, Any]] = [self.state.fits[key].row for key in members]
        if method.name == "oracle":
            return int(np.argmax([row["psnr_db"] for row in rows]))
        known = self.state.scores(pair, method.score)
        outputs = np.stack([self.state.output(key) for key in members])
        cohort = Cohort(
            scores=np.array([known[key.network] if method.ranks else 1.0 for key in members]),
            between=mean_squares(outputs.reshape(len(outputs), -1)),
            psnr_db=np.full(len(members), np.nan),
            weighting=self.setting.weighting if method.ranks else "equal",
        )
        return get_selector("closest")(cohort)
