"""The query API: reads releases of the benchmark.

    from nasdip_bench.api import NASDIPBench

    bench = NASDIPBench("data/")
    bench.query("172-0000011001001001100111101", "lena", "denoise")   # one run, or a mean of runs
    bench.curve(0, "lena", "denoise")                                 # its learning curve
    bench.scores(0, "lena", "denoise")                                # its training-free scores
    bench.kendall("denoise"), bench.overlap("denoise", k=10)          # pandas frames
    bench.to_frame("runs")

Positional arguments are architecture, image, task, in this order; pass the rest by keyword.

Data dictionary. The axis order is the same everywhere; the comments give the axes:

    query(...)       RunRecord    # architecture, image, task, fidelity, seed -> metric -> number
    replicates(...)  Replicates   # architecture, image, task, fidelity -> runs, mean, std
    curve(...)       Curve        # architecture, image, task, fidelity, seed -> iteration -> dB
    curves(...)      CurveArrays  # task, fidelity -> (architecture, image, seed, point) dB
    observables(...) Observables  # architecture, image, task, fidelity, seed -> name -> dB
    scores(...)      ScoreValues  # architecture, image, task, seed -> "proxy/reference" -> x
    cost(...)        CostRecord   # architecture, task, fidelity -> parameters, FLOP, seconds
    isnas(...)       IsnasRecord  # image, task, score, N -> what the paper's search would select
    isnas_curve(...) DataFrame    # (score, image, n) -> its regret, against cohort and chance
    distances(...)   Distances    # task, fidelity -> how far restorations are from each other
    top_k(...)       Ranked, ...  # task, image or all -> the best within limits; find_best: one
    regret(...)      float        # architecture, task, image or all -> distance to the best
    kendall(...)     DataFrame    # image -> (proxy, reference) -> tau-b over architectures, -1..1
    kendall_intervals(...)        # the same with pairs, ties and intervals
    correlate(...)   DataFrame    # your values -> image -> tau-b or rho, interval, n
    seed_agreement, fidelity_agreement   # tau-b between seeds (the noise ceiling), fidelities
    noise(...)       DataFrame    # (between, measured) -> tau-b between repeated measurements
    overlap(...)     DataFrame    # image -> image -> number of shared architectures, 0..k
    selection_curve(...)          # (image, N) -> best of a score's first N, of N at random
    coverage()       DataFrame    # fidelity, task, image, seed -> expected, ok, diverged, ...
    to_frame(name)   DataFrame    # a table as on disk: runs, scores, corruptions, architectures,
                                  # images, stops, reruns; to_arrow: without pandas
    score_values()   array        # row of scores, initialisation -> x
    stops(...)       RecordedStops  # rule, architecture, image, seed -> iteration, dB
    observable_arrays(...)        # task, fidelity, seed, runs -> name -> (run, point) dB
    stopping_table(...)           # (rule, image) -> dB it gives away, against the oracle
    kept_point_agreement(...)     # (rule, parameters) -> effect of seeing only the kept points
    score_leaderboard(...)        # (proxy, reference) -> tau, p, regret, next to trivial predictors
    predictor_table(...)          # (predictor, size, image) -> tau of what learns from trained runs
    image_gain(...)  DataFrame    # (target, image) -> held-out gain of choosing by the image
    early_ranking(...)            # (curve, seed, target, iteration) -> tau with the final result
    manifest, path, images, image_channels, tasks, fidelities, seeds, proxies, default_fidelity,
    codes, arch_id(...), runs, architecture_rows
    simulator(...)   Simulator    # image, task, track -> a clock to search on, a choice to test;
                                  # run_search, compare, search_figure: algorithms on it
    search_leaderboard(...)       # (target, image, method) -> dB on the seeds it did not search
    evaluated(...)   rows         # task or all, image or all -> architectures that have runs
    random, neighbours            # one architecture, or the nearest ones, among those with runs
    build(...)       Network      # any architecture -> its torch network

Metrics that end in ``_db`` are in dB, higher is better. ``final_*`` is the PSNR at the fidelity's
stopping iteration, ``last_*`` at the end of the budget. ``best_*`` is the highest of the whole run:
it needs the ground truth and is an oracle. ``*_smooth_*`` uses the exponential moving average of
the outputs (weight 0.99). ``best_iteration`` and ``best_raw_iteration`` count from 1. A run is
``ok``, ``diverged`` (its loss was not finite: its numbers are NaN) or ``failed``.

``*_ssim_smooth`` is the SSIM of the smoothed output, higher is better; NaN where not recorded.
Observables are what a run records without the ground truth (`nasdip_bench.observables`).

Scores are named "proxy/reference". The reference is ``corrupted`` (what a user has),
``ground_truth`` (what only a benchmark has) or ``none``. A name alone means the score's only
reference, else the corrupted image. The paper claims lower is better for its scores. Scores that
see the corrupted image are recorded for each seed and compared with runs of the same seed.

Defaults: ``fidelity=None`` is the release's default for the task, ``seed=None`` the mean over the
default seeds; every result names both. `nasdip_bench.dataset.schema` gives each column's unit,
direction and meaning. Importing this package does not import pandas, SciPy, h5py, matplotlib or
torch.
"""

from __future__ import annotations

from nasdip_bench.errors import MissingRunError as MissingRunError

from .adapters.nasbench201 import NASBench201API as NASBench201API
from .benchmark import NASDIPBench as NASDIPBench
from .gallery.folder import write_paper as write_paper
from .paper.figure1 import OverlapFigure as OverlapFigure
from .paper.figure1 import figure1 as figure1
from .paper.figure2 import figure2 as figure2
from .paper.figure2 import figure2_images as figure2_images
from .paper.figure3 import figure3 as figure3
from .paper.figure4 import figure4 as figure4
from .paper.table1 import Table1 as Table1
from .paper.table1 import table1 as table1
from .reading.costs import CostRecord as CostRecord
from .reading.records.curves import Curve as Curve
from .reading.records.curves import CurveArrays as CurveArrays
from .reading.records.curves import Observables as Observables
from .reading.records.run import Replicates as Replicates
from .reading.records.run import RunRecord as RunRecord
from .replay import IsnasRecord as IsnasRecord
from .replay.figure import replay_figure as replay_figure
from .search.comparison import compare as compare
from .search.figure import search_figure as search_figure
from .search.leaderboard_figure import search_leaderboard_figure as search_leaderboard_figure
from .search.methods import run_search as run_search
from .simulation.paid import BudgetExhaustedError as BudgetExhaustedError
from .simulation.prices import CostModel as CostModel
from .statistics.agreement.noise import noise_figure as noise_figure
from .statistics.best import Ranked as Ranked
from .statistics.early import early_figure as early_figure
from .statistics.image_gain import gain_figure as gain_figure
from .statistics.leaderboard.figure import (
    score_leaderboard_figure as score_leaderboard_figure,
)
from .statistics.predictors.figure import predictor_figure as predictor_figure
from .statistics.stopping.figure import stopping_figure as stopping_figure
