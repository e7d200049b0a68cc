"""The tables and figures of a release: the paper's, and those beyond it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..exhibits.exhibit import Exhibit
from ..paper.figure1 import figure1
from ..paper.figure2 import INITS, figure2, figure2_images
from ..paper.figure3 import figure3
from ..paper.figure4 import figure4
from ..paper.table1 import BEST_ITERATION, table1
from ..reading.arrays.targets import PAPER_TARGET, VERDICT_TARGETS
from ..search.leaderboard_figure import search_leaderboard_figure
from ..statistics.agreement.noise import noise_figure
from ..statistics.choosing.cohorts import PROXY
from ..statistics.early import early_figure
from ..statistics.image_gain import gain_figure
from ..statistics.leaderboard.figure import score_leaderboard_figure
from ..statistics.predictors.figure import predictor_figure
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
        target: a column where higher is better, for the paper's exhibits. The others are made for
            each of `nasdip_bench.api.reading.arrays.targets.VERDICT_TARGETS`.
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
    make: Callable[[], Exhibit]


def catalogue(bench: ReleaseReader, task: str, options: PaperOptions) -> list[Entry]:
    """The tables and figures of a task, in the order of the page.

    Args:
        task: name.
        options: what to make.
    """
    fidelity, score = options.fidelity, options.score
    of_paper = {"fidelity": fidelity, "seed": options.seed, "target": options.target}

    def paper(title: str, name: str, figure: Callable[..., Exhibit], **how: Any) -> Entry:
        return Entry(PAPER, title, name, partial(figure, bench, task, **of_paper | how))

    def beyond(title: str, name: str, figure: Callable[..., Exhibit], **how: Any) -> Entry:
        return Entry(BEYOND, title, name, partial(figure, bench, task, fidelity=fidelity, **how))

    def spectra() -> Exhibit:
        images = figure2_images(bench, options.images_dir, options.image_set)
        inits, device = options.inits, options.device
        return figure2(bench, images, task, fidelity, score=score, inits=inits, device=device)

    return [
        paper("Table 1: tau between PSNR and scores", "table1", table1),
        paper("Figure 1: overlap of the best architectures", "figure1", figure1, k=options.k),
        Entry(PAPER, "Figure 2: power spectra", "figure2", spectra),
        paper("Figure 3: PSNR against a score", "figure3", figure3, score=score),
        paper("Figure 4: histograms of PSNR", "figure4", figure4, score=score),
        paper(
            "Section 5: tau with the best iteration", "best_iteration", table1,
            target=BEST_ITERATION,
        ),
        *(
            beyond(
                f"Leaderboard of scores: {target}",
                f"scores_{target.removesuffix('_psnr_smooth_db')}",
                score_leaderboard_figure, k=options.k, target=target,
            )
            for target in VERDICT_TARGETS
        ),
        beyond(
            "Leaderboard of searches", "searches", search_leaderboard_figure,
            repeats=options.repeats,
        ),
        beyond("How many trainings teach to rank?", "predictors", predictor_figure),
        beyond("When to stop", "stopping", stopping_figure),
        beyond("Does the best network depend on the image?", "gain", gain_figure),
        beyond("Does the beginning of a fit rank its end?", "early", early_figure),
        beyond("How noisy are rankings?", "noise", noise_figure),
    ]  # fmt: skip
