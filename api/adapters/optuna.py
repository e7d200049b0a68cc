"""An objective for Optuna that simulates training the suggested architectures.

    study = optuna.create_study(direction="maximize")
    study.optimize(Objective(bench, "lena", "denoise", budget_seconds=3600), n_trials=1000)

A trial suggests one of the 297 x 2^25 architectures. It is replaced by the nearest architecture of
the release that has a run; the trial's ``user_attrs`` state which, and its distance. Needs Optuna
(extra ``optuna``), which is imported when a trial runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nasdip_bench.errors import ConfigError
from nasdip_bench.space import Architecture, encode_choices

from ..simulation.opening import open_simulator
from ..simulation.paid import BudgetExhaustedError
from . import require
from .parameters import SEARCH_SPACE, architecture_of

if TYPE_CHECKING:
    from ..reading.reader import ReleaseReader


def suggest(trial: Any) -> Architecture:
    """The architecture that a trial suggests: a choice for each name in `SEARCH_SPACE`."""
    return architecture_of(
        {name: trial.suggest_categorical(name, choices) for name, choices in SEARCH_SPACE.items()}
    )


class Objective:
    """A function of a trial that returns dB against the ground truth, to be maximised.

    A diverged run prunes its trial. So does an exhausted simulated budget, which also stops the
    study, if there is one. Studies that minimise, Optuna's default, raise a ConfigError: use
    ``create_study(direction="maximize")``.

    Args:
        image: name.
        task: name.
        steps: iterations, ascending, at which the PSNR is reported so that a pruner may stop the
            trial. The release must keep each of them, and none may be beyond the stopping
            iteration, which is always the last step.
        target: a column of runs.parquet to return, such as "stopped_psnr_smooth_db", which may lie
            at another iteration than the stop; None for the PSNR of the output at the stop.
        **options: see `nasdip_bench.api.simulation.opening.open_simulator`.

    Attributes:
        simulator: the simulator that it trains with.

    Raises:
        UnknownNameError: an unknown name, or a step that was not kept.
        MissingRunError: the release has no run to simulate from.
        ConfigError: a step is beyond the stopping iteration.
    """

    def __init__(
        self,
        bench: ReleaseReader,
        image: str,
        task: str,
        *,
        steps: Sequence[int] = (),
        target: str | None = None,
        **options: Any,
    ) -> None:
        self.simulator = open_simulator(bench, image, task, target=target, **options)
        for step in steps:
            self.simulator.runs.point_of(step)
            if step > self.simulator.stop:
                raise ConfigError(
                    f"step {step} lies beyond the stopping iteration, {self.simulator.stop}, whose "
                    f"PSNR is the objective: leave it out"
                )
        self.steps = sorted({*map(int, steps), self.simulator.stop})
        self._of_target = target is not None

    def __call__(self, trial: Any) -> float:
        optuna = require("optuna", "optuna")
        study = getattr(trial, "study", None)  # a FixedTrial has none
        if study is not None and study.directions != [optuna.study.StudyDirection.MAXIMIZE]:
            told = ", ".join(one.name.lower() for one in study.directions)
            raise ConfigError(
                f"the directions of the study are {told}, but PSNR is to be maximised: create it "
                f"with optuna.create_study(direction='maximize')"
            )
        sim, suggested = self.simulator, suggest(trial)
        (arch_id,) = sim.nearest(suggested)
        place = sim.runs.position[arch_id]
        near = sim.runs.neighbourhood.distances(encode_choices(suggested))[place]
        trial.set_user_attr("arch_id", arch_id)
        trial.set_user_attr("architecture", sim.runs.codes[place])
        trial.set_user_attr("distance", int(near))
        psnr_db = math.nan
        for step in self.steps:
            try:
                seen = sim.train(arch_id, step)
            except BudgetExhaustedError as error:
                if study is not None:
                    study.stop()
                raise optuna.TrialPruned(str(error)) from error
            psnr_db = seen.psnr_db
            trial.set_user_attr("clock", seen.clock)
            if math.isnan(psnr_db):
                raise optuna.TrialPruned(f"architecture {seen.architecture} diverged")
            trial.report(psnr_db, step)
            if step < self.steps[-1] and trial.should_prune():
                raise optuna.TrialPruned
        value = float(sim.runs.values[place]) if self._of_target else psnr_db
        if math.isnan(value):
            raise optuna.TrialPruned(f"architecture {sim.runs.codes[place]} diverged")
        return value
