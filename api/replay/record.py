"""Replay one search: its cohort, what it selects, and how good that is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import check_whole

from ..reading.arrays.names import unknown_image
from ..reading.records.showing import displayed, html_table, record_html, record_repr, shown
from ..statistics.choosing.cohorts import ScoredRuns
from .candidates import Absent, Pool, needs_distances, open_pool, score_key, selector_name

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
        weight: its weight in the average; NaN if it diverged, or the selector needs no average.
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
        selector: name of the selector.
        weighting: weighting of the cohort's average.
        fidelity: the training set-up.
        stop: the iteration of the outputs.
        seed: seed of the runs; a cohort has one seed.
        other_seeds: the other default seeds of the release, if no seed was named.
        cohort: members, best-ranked first; ties in the score by arch_id.
        selected: the selected member. None if all of the cohort diverged, and for the selector
            "random", whose numbers are expectations over the members that did not diverge.
        final_psnr_smooth_db: dB of the selected.
        rank: rank of the selected among the candidates by PSNR; 1 is best.
        regret: distance in dB of the selected from the best of all candidates.
        best: the best of the cohort; None if all diverged.
        best_rank: its rank.
        best_regret: its regret, the limit for a selector.
        best_of_all: arch_id of the best candidate; -1 if all diverged.
        best_of_all_db: its PSNR.
        candidates: number of ranked architectures: those with a run, ok or diverged, the score and,
            if needed, the distances of the output.
        absent: why others were not ranked.
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
    other_seeds: tuple[int, ...]
    cohort: tuple[Member, ...]
    selected: Member | None
    final_psnr_smooth_db: float
    rank: float
    regret: float
    best: Member | None
    best_rank: float
    best_regret: float
    best_of_all: int
    best_of_all_db: float
    candidates: int
    absent: Absent

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
    selector: str | Selector = "closest",
    with_output: bool = False,
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
        selector: one of `nasdip_bench.isnas.selection.SELECTORS`, or a function from a
            `nasdip_bench.isnas.Cohort` to a position. "best-score", "random" and "oracle" need no
            distances.
        with_output: whether to rank only architectures whose output has distances in the release,
            even if the selector needs none. Then all selectors choose from the same candidates.
        fidelity: None for the release's default for the task.
        seed: seed of the runs, and of the corruption that scores see; None for the first default
            seed.

    Raises:
        ConfigError: n is out of range, or a search cannot rank by the score.
        UnknownNameError: an unknown image, task, score, weighting, selector, fidelity or seed.
        MissingRunError: the release has no run of the task at the fidelity, or lacks distances
            between restorations that are needed.

    Example:
        >>> found = NASDIPBench("data/").isnas("lena", "denoise", "psd_db_strip_mse")
        >>> len(found.cohort)
        15
    """
    name = selector_name(selector, weighting)
    if image not in bench.images:
        raise unknown_image(image, bench.images, bench.tasks)
    block = bench.runs.block(task, fidelity)
    key = score_key(bench, block, score, reference)
    pool = open_pool(
        bench, block, block.choose_seeds(seed), needed=with_output or needs_distances(selector)
    )
    runs, position = pool.ranked(key), bench.images.index(image)
    candidates = runs.count(position)
    absent = pool.absent(key, position)
    why = (
        f", the architectures that can be ranked by {key} for {task} on {image} at "
        f"{block.fidelity} with seed {pool.seed} ({_in_words(absent)})"
    )
    cohort = runs.cohort(position, check_whole("n", n, 1, candidates, note=why))
    members, selected = _members(pool, runs, position, cohort.members, weighting, selector)
    values = runs.values[:, position]
    ok = np.isfinite(values)
    best_of_all = int(np.nanargmax(values)) if ok.any() else -1
    best_of_all_db = float(values[best_of_all]) if ok.any() else math.nan
    random = selector == "random"
    chosen = [m for m in members if not m.diverged] if random else [selected]
    psnr = [one.final_psnr_smooth_db for one in chosen if one is not None]
    ranks = [1 + np.count_nonzero(values > value) for value in psnr]
    mean_db = float(np.mean(psnr)) if psnr else math.nan
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
        other_seeds=pool.others,
        cohort=members,
        selected=None if random else selected,
        final_psnr_smooth_db=mean_db,
        rank=float(np.mean(ranks)) if ranks else math.nan,
        regret=best_of_all_db - mean_db,
        best=best,
        best_rank=float(cohort.rank) if best else math.nan,
        best_regret=cohort.regret,
        best_of_all=best_of_all,
        best_of_all_db=best_of_all_db,
        candidates=candidates,
        absent=absent,
    )


def _members(
    pool: Pool,
    runs: ScoredRuns,
    image: int,
    arch_ids: NDArray[np.intp],
    weighting: str,
    selector: str | Selector,
) -> tuple[tuple[Member, ...], Member | None]:
    """The members of a cohort, and the selected one."""
    from nasdip_bench.isnas.selection import Cohort, get_selector

    scores, psnr_db = runs.scores[arch_ids, image], runs.values[arch_ids, image]
    ok = np.flatnonzero(np.isfinite(psnr_db))
    weights, distances = np.full((2, len(arch_ids)), math.nan)
    place, needed = None, pool.restored is not None
    if len(ok):
        cohort = Cohort(
            scores=scores[ok],
            between=pool.between(image, arch_ids[ok])
            if needed
            else np.full((len(ok), len(ok)), math.nan),
            psnr_db=psnr_db[ok],
            weighting=weighting,
            seed=pool.seed,
        )
        if needed:
            weights[ok], distances[ok] = cohort.weights, cohort.to_average
        rule = get_selector(selector) if isinstance(selector, str) else selector
        place = int(ok[rule(cohort)])
    members = tuple(
        Member(
            number,
            int(arch_id),
            pool.bench.codes[arch_id],
            *(float(scores[at]), bool(np.isnan(psnr_db[at])), float(psnr_db[at])),
            *(float(weights[at]), float(distances[at])),
        )
        for at, (number, arch_id) in enumerate(enumerate(arch_ids.tolist(), start=1))
    )
    return members, None if place is None else members[place]


def _in_words(absent: Absent) -> str:
    parts = [f"{n} {name.replace('_', ' ')}" for name, n in absent._asdict().items() if n]
    return ", ".join(parts) or "none absent"
