"""Replay one search: its cohort, what it selects, and how good that is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import check_whole

from ..reading.arrays.names import image_position
from ..reading.records.showing import displayed, html_table, record_html, record_repr, shown
from ..statistics.choosing.cohorts import ScoredRuns
from .candidates import Pool, open_pool, score_key, selector_name

if TYPE_CHECKING:
    from nasdip_bench.isnas.selection import Selector

    from ..reading.reader import ReleaseReader


@displayed
class Member(NamedTuple):
    """An architecture of a cohort.

    Attributes:
        place: place in the ranking by the score; 1 is best.
        arch_id: row of the architecture in this release.
        architecture: its canonical string.
        score: the mean over the scoring initialisations; lower is better.
        diverged: whether its run diverged; then it has no PSNR and is not in the average.
        final_psnr_smooth_db: dB of its output; NaN if it diverged.
        weight: its weight in the average; NaN if it diverged.
        distance: mean squared difference of its output to the average, values in [0, 1]; NaN
            likewise.
    """

    place: int
    arch_id: int
    architecture: str
    score: float
    diverged: bool
    final_psnr_smooth_db: float
    weight: float
    distance: float


class IsnasRecord(NamedTuple):
    """What a search would have found on an image.

    Attributes:
        image: name.
        task: name.
        score: the score that ranks, "proxy/reference".
        n: size of the cohort.
        selector: "closest", or the name of your own.
        weighting: weighting of the cohort's average.
        fidelity: the training set-up.
        stop: the iteration of the outputs.
        seed: seed of the runs; a cohort has one seed.
        cohort: members, best-ranked first; ties in the score by arch_id.
        selected: the selected member; None if all of the cohort diverged.
        final_psnr_smooth_db: dB of the selected.
        rank: rank of the selected among the candidates by PSNR; 1 is best.
        regret: distance in dB of the selected from the best of all candidates.
        best: the best of the cohort; None if all diverged.
        best_regret: its regret, the limit for a selector.
        candidates: number of ranked architectures: those with a run, ok or diverged, the score and
            the distances of the output.
    """

    image: str
    task: str
    score: str
    n: int
    selector: str
    weighting: str
    fidelity: str
    stop: int
    seed: int
    cohort: tuple[Member, ...]
    selected: Member | None
    final_psnr_smooth_db: float
    rank: float
    regret: float
    best: Member | None
    best_regret: float
    candidates: int

    def __repr__(self) -> str:
        return record_repr(self)

    def _repr_html_(self) -> str:
        rows = [[shown(value) for value in member] for member in self.cohort]
        return record_html(self) + html_table([Member._fields], rows, caption="cohort")


def isnas(
    bench: ReleaseReader,
    image: str,
    task: str,
    score: str,
    *,
    n: int = 15,
    reference: str = "corrupted",
    weighting: str = "paper",
    selector: Selector | None = None,
    fidelity: str | None = None,
    seed: int | None = None,
) -> IsnasRecord:
    """Replay a search on an image: rank, look up the cohort, average, select.

    It does the same as `nasdip_bench.isnas.Search` with full selection, except that distances
    between outputs are rounded to thousandths of a dB, candidates come from the release, and
    nothing is restored anew. Diverged members are not replaced, so the cohort gets smaller.

    Args:
        image: name.
        task: name.
        score: a score where lower is better.
        n: size of the cohort, from 1 to the number of candidates.
        reference: what outputs of untrained networks are compared with: "corrupted", which a user
            has, or "ground_truth", which a user does not have. Ignored by scores without one.
        weighting: weighting of the average, one of `nasdip_bench.isnas.selection.WEIGHTINGS`.
        selector: a function from a `nasdip_bench.isnas.Cohort` to a position; None for the paper's,
            the closest to the average.
        fidelity: None for the release's default for the task.
        seed: seed of the runs, and of the corruption that scores see; None for the first default
            seed.

    Raises:
        ConfigError: n is out of range, a search cannot rank by the score, or the selector is not a
            function.
        UnknownNameError: an unknown image, task, score, weighting, fidelity or seed.
        MissingRunError: the release has no run of the task at the fidelity, or no distances between
            its restorations.

    Example:
        >>> found = NASDIPBench("data/").isnas("lena", "denoise", "psd_db_strip_mse")
        >>> len(found.cohort)
        15
    """
    name = selector_name(selector, weighting)
    position = image_position(image, bench.images, bench.tasks)
    block = bench.runs.block(task, fidelity)
    key = score_key(bench, block, score, reference)
    pool = open_pool(bench, block, block.choose_seeds(seed)[0])
    runs = pool.ranked(key)
    candidates = runs.count(position)
    why = (
        f", the architectures with a run, {key} and distances for {task} on {image} at "
        f"{block.fidelity} with seed {pool.seed}"
    )
    cohort = runs.cohort(position, check_whole("n", n, 1, candidates, note=why))
    members, selected = _members(pool, runs, position, cohort.members, weighting, selector)
    values = runs.values[:, position]
    psnr_db = math.nan if selected is None else selected.final_psnr_smooth_db
    best = next((one for one in members if one.arch_id == cohort.best), None)
    return IsnasRecord(
        image=image,
        task=task,
        score=key,
        n=int(n),
        selector=name,
        weighting=weighting,
        fidelity=block.fidelity,
        stop=block.record.stop,
        seed=pool.seed,
        cohort=members,
        selected=selected,
        final_psnr_smooth_db=psnr_db,
        rank=math.nan if selected is None else 1.0 + np.count_nonzero(values > psnr_db),
        regret=math.nan if selected is None else float(np.nanmax(values)) - psnr_db,
        best=best,
        best_regret=cohort.regret,
        candidates=candidates,
    )


def _members(
    pool: Pool,
    runs: ScoredRuns,
    image: int,
    arch_ids: NDArray[np.intp],
    weighting: str,
    selector: Selector | None,
) -> tuple[tuple[Member, ...], Member | None]:
    """The members of a cohort, and the selected one."""
    from nasdip_bench.isnas.selection import Cohort, closest_to_average

    scores, psnr_db = runs.scores[arch_ids, image], runs.values[arch_ids, image]
    ok = np.flatnonzero(np.isfinite(psnr_db))
    weights, distances = np.full((2, len(arch_ids)), math.nan)
    place = None
    if len(ok):
        cohort = Cohort(
            scores=scores[ok],
            between=pool.between(image)[np.ix_(arch_ids[ok], arch_ids[ok])],
            psnr_db=psnr_db[ok],
            weighting=weighting,
            seed=pool.seed,
        )
        weights[ok], distances[ok] = cohort.weights, cohort.to_average
        place = int(ok[(selector or closest_to_average)(cohort)])
    columns = (column.tolist() for column in (arch_ids, scores, psnr_db, weights, distances))
    members = tuple(
        Member(number, arch_id, pool.bench.codes[arch_id], score, math.isnan(db), db, *of_average)
        for number, (arch_id, score, db, *of_average) in enumerate(zip(*columns, strict=True), 1)
    )
    return members, None if place is None else members[place]
