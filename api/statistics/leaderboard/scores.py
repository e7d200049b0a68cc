"""An honest leaderboard of training-free scores: trivial predictors compete in it.

A score must beat more than chance: the sampling alone decides much of an architecture's PSNR. So
the table has trivial entries, an interval and a p-value for every tau (all p-values corrected as
one family), and tau among architectures with the same sampling.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import check_name, check_whole
from nasdip_bench.ranks.groups import group_means
from nasdip_bench.ranks.tau import NO_ESTIMATE
from nasdip_bench.ranks.top import top_k

from ...reading.run_set import RunSet
from ..choosing.candidates import (
    Candidate,
    Values,
    own_candidates,
    ranked,
    scores_of_release,
    why_partial,
)
from ..choosing.cohorts import ScoredRuns
from ..own_values import OWN, Matrix
from ..tau_frame import MEAN, index_of, tau_frames
from .significance import holm, lead_of, p_value

if TYPE_CHECKING:
    import pandas as pd

    from ...reading.reader import ReleaseReader

NULL = "trivial"
"""The reference of predictors that see no image and no network."""

RANDOM = "random"

_NO_P = (
    "p is not defined: too few architectures have values on all images at all seeds, or the taus "
    "of images cancel"
)


def score_leaderboard(
    bench: ReleaseReader,
    task: str,
    *,
    k: int = 10,
    target: str | None = None,
    images: str | Sequence[str] | None = None,
    fidelity: str | None = None,
    seed: int | None = None,
    values: Mapping[str, Values] | None = None,
    lower_is_better: Collection[str] = (),
    against: str | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Every score of the release, your own, and trivial predictors, best tau first.

    The trivial entries: ``sampling mean``, the mean target on the *other* images of the
    architectures with the same sampling (and order of sampling and transform); ``cell table``, the
    mean on the other images of the *other* architectures with the same cell, if any, else the
    sampling mean; ``random``. Sizes, also trivial, are scores of the release.

    Values are means over images and seeds. Other arguments as in `kendall`.

    Args:
        k: number of architectures that count as the best, for precision.
        target: a column of runs.parquet where higher is better.
        values: your own scores by name, as in `NASDIPBench.correlate`.
        lower_is_better: names of those values where lower is better.
        against: an entry to compare the others with, such as "sampling mean" or
            "ntk_low_pass/none".
        level: confidence level of the intervals.

    Returns:
        A frame indexed by (proxy, reference); the reference of trivial predictors is `NULL`, of
        your own scores "own". ``direction``: the one that the score claims, "lower?" if none.
        ``tau_signed``, ``low``, ``high``: tau-b with its interval; positive is good in the claimed
        direction, negative means that the other direction is better (`kendall` gives the raw
        sign). ``tau_signed_within``, ``low_within``, ``high_within``: the same among
        architectures with the same sampling and order of sampling and transform. ``p``,
        ``p_within``: two-sided, against architectures exchanged at random (*within*: inside their
        strata), with Holm's correction over both columns; over the architectures with values on
        all images at all seeds, whereas tau takes those of each image; none for trivial predictors,
        two of which are made of the target. ``precision``,
        ``precision_chance``: the share of its k best among the k best. ``regret`` of its best,
        ``regret_random``. ``seconds`` for one architecture, image and task; ``n`` architectures;
        ``reason``, why tau or ``p`` is NaN, and whether the row covers fewer architectures than
        others, which makes it incomparable; else "". With ``against`` also ``lead``,
        ``low_lead``, ``high_lead``: tau less that of the entry, over the architectures with both,
        with its interval over these; and ``lead_within``, ``low_lead_within``,
        ``high_lead_within``. In ``attrs``: task, target, fidelity, seeds, k, against and level.

    Raises:
        UnknownNameError: unknown task, target, image, fidelity, seed, entry or name of values.
        ConfigError: a setting out of range, or values of another shape.
        MissingRunError: the release has no run of the task at the fidelity.

    Example:
        >>> found = NASDIPBench("data/").score_leaderboard("denoise")
        >>> ("sampling mean", "trivial") in found.index
        True
    """
    import pandas as pd

    check_whole("k", k, 1)
    runs = RunSet.of(
        bench, task, target=target, images=images, fidelity=fidelity, seed=seed, ranked=True
    )
    strata = bench.architecture_rows.samplings
    nulls = _nulls(runs, strata)
    own = own_candidates(
        runs, values or {}, lower_is_better, taken=[RANDOM, *(null.proxy for null in nulls)]
    )
    entries = [*scores_of_release(runs), *own, *nulls]
    rival = None
    if against is not None:
        named = {entry_name(entry.proxy, entry.reference): entry for entry in entries}
        check_name("entry of the leaderboard", against, named)
        rival = named[against]
    signed = [_signed(entry) for entry in entries]
    pairs = [(runs.matrix(one), np.stack([of[one] for of in signed], axis=2)) for one in runs.seeds]
    names = [entry.proxy for entry in entries]
    over_all, within = (
        [frame.loc[MEAN] for frame in tau_frames(runs, pairs, names, level, kinds)]
        for kinds in (None, strata)
    )
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for place, entry in enumerate(entries):
        row = _row(runs, entry, k, over_all[place], within[place], strata)
        if rival is not None:
            row |= _leads(runs, entry, rival, strata, level)
        rows[entry.proxy, entry.reference] = row
    # Any order of all architectures has the chance of a random one.
    order = np.tile(np.arange(len(bench), dtype=np.float64)[:, None], len(bench.images))
    chance = _merits(runs, Candidate(RANDOM, NULL, "", dict.fromkeys(runs.seeds, order), 0), k)
    rows[RANDOM, NULL] = dict.fromkeys(next(iter(rows.values())), np.nan) | {
        "direction": "", "reason": "", "tau_signed": 0.0, "tau_signed_within": 0.0,
        "precision": chance["precision_chance"], "precision_chance": chance["precision_chance"],
        "regret": chance["regret_random"], "regret_random": chance["regret_random"],
        "n": int(np.isfinite(runs.values()).sum(axis=0).min()),
    }  # fmt: skip
    frame = pd.DataFrame(list(rows.values()), index=index_of(rows, ["proxy", "reference"]))
    frame["reason"] = [
        why_partial(reason, n, frame["n"].max())
        for reason, n in zip(frame["reason"], frame["n"], strict=True)
    ]
    tested = frame[["p", "p_within"]].to_numpy()
    frame[["p", "p_within"]] = holm(tested.ravel()).reshape(tested.shape)
    frame = frame.sort_values("tau_signed", ascending=False, kind="stable")
    frame.attrs = runs.facts() | {"k": k, "against": against, "level": level}
    return frame


def entry_name(proxy: str, reference: str) -> str:
    """How an entry is called: proxy/reference, or the name of a trivial one or of your own."""
    return proxy if reference in (NULL, OWN) else f"{proxy}/{reference}"


def _row(
    runs: RunSet,
    entry: Candidate,
    k: int,
    over_all: pd.Series,
    within: pd.Series,
    strata: NDArray[np.intp],
) -> dict[str, Any]:
    """All columns of an entry but its lead, with its taus over all pairs and within strata."""
    p_values = [np.nan, np.nan]
    if entry.reference != NULL:  # those are made of the target: exchanging architectures is no null
        samples = np.stack([_target(runs), _samples(runs, _signed(entry))])
        p_values = [p_value(samples, kinds) for kinds in (np.zeros_like(strata), strata)]
    return {
        "direction": entry.direction,
        "tau_signed": over_all["tau"],
        **{name: over_all[name] for name in ("low", "high")},
        "tau_signed_within": within["tau"],
        **{f"{name}_within": within[name] for name in ("low", "high")},
        "p": p_values[0],
        "p_within": p_values[1],
        **_merits(runs, entry, k),
        "seconds": entry.seconds,
        "n": int(over_all["n"]),
        "reason": over_all["reason"]
        or (_NO_P if np.isnan(p_values[0]) and entry.reference != NULL else ""),
    }


def _leads(
    runs: RunSet, entry: Candidate, rival: Candidate, strata: NDArray[np.intp], level: float
) -> dict[str, float]:
    """Tau less that of a rival, over all pairs and within strata; NaN for the rival itself."""
    found = {}
    samples = [_target(runs), *(_samples(runs, _signed(one)) for one in (entry, rival))]
    for of, kinds in (("", np.zeros_like(strata)), ("_within", strata)):
        lead = NO_ESTIMATE if entry is rival else lead_of(np.stack(samples), kinds, level)
        for end, value in zip(("", "low_", "high_"), lead, strict=True):
            found[f"{end}lead{of}"] = value
    return found


def _signed(entry: Candidate) -> dict[int, Matrix]:
    """By seed, (architecture, image) numbers whose highest ranks first."""
    return {seed: -entry.sign * raw for seed, raw in entry.raw.items()}


def _target(runs: RunSet) -> NDArray[np.float64]:
    return _samples(runs, {seed: runs.matrix(seed) for seed in runs.seeds})


def _samples(runs: RunSet, by_seed: Mapping[int, Matrix]) -> NDArray[np.float64]:
    """(seed and image, architecture) of numbers by seed."""
    return np.concatenate([by_seed[seed][:, list(runs.images)].T for seed in runs.seeds])


def _nulls(runs: RunSet, strata: NDArray[np.intp]) -> list[Candidate]:
    """The trivial predictors, which need neither network nor image."""
    bench = runs.bench
    whole = runs._replace(images=tuple(range(len(bench.images))))
    target = whole.values().mean(axis=2)  # (architecture, image)
    cells = np.array([arch.cell for arch in bench])
    elsewhere = [np.delete(target, image, axis=1) for image in whole.images]
    by_sampling, by_cell = (
        np.stack([group_means(of, groups, without_own=cell) for of in elsewhere], axis=1)
        for groups, cell in ((strata, False), (cells, True))
    )
    by_cell = np.where(np.isfinite(by_cell), by_cell, by_sampling)
    return [
        Candidate(name, NULL, "higher", dict.fromkeys(runs.seeds, matrix), 0.0)
        for name, matrix in (("sampling mean", by_sampling), ("cell table", by_cell))
    ]


def _merits(runs: RunSet, entry: Candidate, k: int) -> dict[str, float]:
    """Means over images and seeds of what `_merit` finds."""
    judged = [
        _merit(ranked(runs, one, entry), image, k) for one in runs.seeds for image in runs.images
    ]
    return {name: float(np.mean([row[name] for row in judged])) for name in judged[0]}


def _merit(runs: ScoredRuns, image: int, k: int) -> dict[str, float]:
    """The value of choosing by a score, for one seed and image; NaN if it ranks nothing.

    A diverged run can be chosen, and is worse than any other. Precision needs k that did not.
    """
    ranking, values = runs.to_choose(image)
    found = dict.fromkeys(("precision", "precision_chance", "regret", "regret_random"), np.nan)
    numbers = values[np.isfinite(values)]
    if len(numbers) and ranking.min() < ranking.max():
        order = np.argsort(ranking, kind="stable")
        found["regret"] = float(numbers.max() - values[order[0]])
        found["regret_random"] = float(numbers.max() - numbers.mean())
        if len(numbers) >= k:
            best = {*top_k(values, k).tolist()}
            found["precision"] = len(best & {*order[:k].tolist()}) / k
            found["precision_chance"] = k / len(values)
    return found
