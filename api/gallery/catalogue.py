"""The tables and figures of a release: the paper's, and those beyond it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..exhibits.exhibit import PaperExhibit
from ..paper.figure1 import figure1
from ..paper.figure2 import INITS, figure2, figure2_images
from ..paper.figure3 import figure3
from ..paper.figure4 import figure4
from ..paper.table1 import BEST_ITERATION, best_iteration_table, table1
from ..reading.arrays.targets import PAPER_TARGET, VERDICT_TARGETS
from ..search.leaderboard_figure import search_leaderboard_figure
from ..statistics.agreement.noise_figure import noise_figure
from ..statistics.choosing.cohorts import PROXY
from ..statistics.early.figure import early_figure
from ..statistics.gain_figure import gain_figure
from ..statistics.leaderboard.figure import score_leaderboard_figure
from ..statistics.stopping.figure import stopping_figure

if TYPE_CHECKING:
    from ..reading.reader import ReleaseReader

PAPER = "The paper's"
BEYOND = "Beyond the paper"


@dataclass(frozen=True, kw_only=True)
class PaperOptions:
    """What to make.

    Attributes:
        tasks: names; None for every task of the release with runs.
        target: column of runs.parquet with a direction, for the paper's exhibits. The others are
            made for each of `nasdip_bench.api.reading.arrays.targets.VERDICT_TARGETS`.
        fidelity: None for the release's default for each task.
        seed: seed of the paper's exhibits; None for the default seeds.
        k: number of best architectures in Figure 1 and the leaderboard of scores.
        score: score of the cohorts in Figures 3 and 4, and of the architectures in Figure 2.
        images_dir: folder of the release's images, for Figure 2.
        image_set: for Figure 2, see `nasdip_bench.api.paper.figure2.figure2_images`.
        inits: number of initialisations in Figure 2.
        device: where Figure 2's networks run.
        repeats: searches on each image and seed in the leaderboard of searches.
    """

    tasks: Sequence[str] | None = None
    target: str = PAPER_TARGET
    fidelity: str | None = None
    seed: int | None = None
    k: int = 10
    score: str = PROXY
    images_dir: Path | None = None
    image_set: str | None = None
    inits: int = INITS
    device: str = "cpu"
    repeats: int = 100


class Entry(NamedTuple):
    """One table or figure of a task.

    Attributes:
        part: `PAPER` or `BEYOND`.
        title: what it shows.
        name: stem of its files, before the task.
        make: function that makes it.
    """

    part: str
    title: str
    name: str
    make: Callable[[], PaperExhibit]


def catalogue(bench: ReleaseReader, task: str, options: PaperOptions) -> list[Entry]:
    """The tables and figures of a task, in the order of the page.

    Args:
        task: name.
        options: what to make.
    """
    return [
        *(Entry(PAPER, *entry) for entry in _of_the_paper(bench, task, options)),
        *(Entry(BEYOND, *entry) for entry in _beyond(bench, task, options)),
    ]


_Entries = list[tuple[str, str, Callable[[], PaperExhibit]]]


def _of_the_paper(bench: ReleaseReader, task: str, options: PaperOptions) -> _Entries:
    score = options.score

    def of(figure: Callable[..., PaperExhibit], **how: Any) -> Callable[[], PaperExhibit]:
        about = {"fidelity": options.fidelity, "seed": options.seed, "target": options.target}
        return partial(figure, bench, task, **about | how)

    def spectra() -> PaperExhibit:
        images = figure2_images(bench, options.images_dir, options.image_set)
        inits, device = options.inits, options.device
        return figure2(
            bench, images, task, options.fidelity, score=score, inits=inits, device=device
        )

    return [
        ("Table 1: tau between PSNR and scores", "table1", of(table1)),
        ("Figure 1: overlap of the best architectures", "figure1", of(figure1, k=options.k)),
        ("Figure 2: power spectra", "figure2", spectra),
        ("Figure 3: PSNR against a score", "figure3", of(figure3, score=score)),
        ("Figure 4: histograms of PSNR", "figure4", of(figure4, score=score)),
        (
            "Section 5: tau with the best iteration",
            "best_iteration",
            of(best_iteration_table, target=BEST_ITERATION),
        ),
    ]


def _beyond(bench: ReleaseReader, task: str, options: PaperOptions) -> _Entries:
    def of(figure: Callable[..., PaperExhibit], **how: Any) -> Callable[[], PaperExhibit]:
        return partial(figure, bench, task, fidelity=options.fidelity, **how)

    scores: _Entries = [
        (
            f"Leaderboard of scores: {target}",
            f"scores_{target.removesuffix('_psnr_smooth_db')}",
            of(score_leaderboard_figure, k=options.k, target=target),
        )
        for target in VERDICT_TARGETS
    ]
    searches = of(search_leaderboard_figure, repeats=options.repeats)
    return [
        *scores,
        ("Leaderboard of searches", "searches", searches),
        ("When to stop", "stopping", of(stopping_figure)),
        ("Does the best network depend on the image?", "gain", of(gain_figure)),
        ("Does the beginning of a fit rank its end?", "early", of(early_figure)),
        ("How noisy are rankings?", "noise", of(noise_figure)),
    ]
