"""Adapters to optimisation libraries, each against the real library where it is installed."""

from __future__ import annotations

import itertools
import json
import sys
import warnings

import numpy as np
import pytest

from nasdip_bench.api.adapters.configspace import configuration_space
from nasdip_bench.api.adapters.optuna import Objective
from nasdip_bench.api.adapters.parameters import SEARCH_SPACE, SKIPS, architecture_of
from nasdip_bench.api.adapters.synetune import OBJECTIVES, export_blackbox
from nasdip_bench.errors import (
    ArchitectureError,
    ConfigError,
    MissingDependencyError,
    MissingRunError,
    UnknownNameError,
)
from nasdip_bench.space import VALID_CELLS
from tests import synthetic
from tests.synthetic import LOW

LAST = 40
BITS = "0110010110011101000111010"


@pytest.fixture(scope="module")
def bench(low):
    return low


def library(name: str):
    """The library, or a skip that says how to get it; what it warns of on import is its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name, reason=f"{name} is not installed: make test-adapters")


# Parameters


def test_every_combination_of_choices_is_the_architecture_that_it_names():
    cell = [name for name in SEARCH_SPACE if name not in SKIPS]
    skips = {name: int(bit) for name, bit in zip(SKIPS, BITS, strict=True)}
    found = set()
    for values in itertools.product(*(SEARCH_SPACE[name] for name in cell)):
        given = dict(zip(cell, values, strict=True))
        arch = architecture_of(given | skips)
        assert (arch.skip, arch.dilation) == (BITS, 1)
        of = arch.attributes
        shuffled = given["sampling"] == "pixel_shuffle"
        applies = {"sampling": of.sampling, "activation": of.activation}
        if of.sampling != "transposed_conv":
            applies["shuffled_transform" if shuffled else "transform"] = of.transform
        if of.kernel is not None:
            applies["kernel"] = of.kernel
        if shuffled:
            applies["transform_first"] = of.transform_first
        assert {name: given[name] for name in applies} == applies
        found.add(arch.cell)
    assert found == set(VALID_CELLS)


def test_parameters_that_are_no_architecture_are_refused():
    good = {name: choices[0] for name, choices in SEARCH_SPACE.items()}
    for name, value in (("transform", "pool"), ("kernel", 4), ("skip_2_3", 2)):
        with pytest.raises(ArchitectureError, match=f"parameter {name} {value!r} must be one of"):
            architecture_of(good | {name: value})
    del good["skip_2_3"]
    with pytest.raises(ArchitectureError, match="the parameters lack skip_2_3"):
        architecture_of(good)


def test_a_missing_library_names_its_extra(bench, monkeypatch):
    monkeypatch.setitem(sys.modules, "ConfigSpace", None)
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingDependencyError, match=r"pip install '\.\[configspace\]'"):
        configuration_space()
    with pytest.raises(ImportError, match=r"needs optuna, which is not installed.*\.\[optuna\]"):
        Objective(bench, "lena", "denoise")(None)


# ConfigSpace


@pytest.mark.adapters
def test_every_configuration_is_an_architecture():
    cs = library("ConfigSpace")
    space = configuration_space(seed=0)
    assert {*space} == {*SEARCH_SPACE}
    # What every optimiser takes: no order, condition or forbidden clause.
    assert {type(one) for one in space.values()} == {cs.CategoricalHyperparameter}
    drawn = space.sample_configuration(3000)
    assert len({architecture_of(one).cell for one in drawn}) > 250
    assert configuration_space(seed=0).sample_configuration(3000) == drawn


# Networks for the scores of others


def test_logits_are_what_the_sigmoid_hides(bench):
    torch = pytest.importorskip("torch")
    z = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        image, raw = (bench.build(4, "lena", "denoise", logits=one)(z) for one in (False, True))
    assert torch.equal(image, torch.sigmoid(raw))


# Optuna


@pytest.fixture
def optuna():
    module = library("optuna")
    module.logging.set_verbosity(module.logging.WARNING)
    return module


def study_of(optuna, **options):
    sampler = optuna.samplers.TPESampler(seed=0)
    return optuna.create_study(direction="maximize", sampler=sampler, **options)


@pytest.mark.adapters
def test_trials_are_simulated_trainings(optuna, bench):
    study = study_of(optuna)
    study.optimize(Objective(bench, "lena", "denoise", seed=0), n_trials=30)
    assert len(study.trials) == 30
    for trial in study.trials:
        seen = bench.query(
            trial.user_attrs["arch_id"], "lena", "denoise", fidelity=LOW, seed=0, iteration=LAST
        )
        assert trial.value == seen.psnr_db
        assert trial.user_attrs["architecture"] == seen.architecture
        assert 0 <= trial.user_attrs["distance"] <= 31
    clocks = [trial.user_attrs["clock"] for trial in study.trials]
    assert clocks == sorted(clocks)


@pytest.mark.adapters
def test_the_nearest_stands_in_and_any_column_is_returned(optuna, bench):
    params = {name: choices[0] for name, choices in SEARCH_SPACE.items()}
    trial = optuna.trial.FixedTrial(params)
    ((arch, distance),) = bench.neighbours(architecture_of(params), k=1)
    known = bench.query(arch, "lena", "denoise", fidelity=LOW, seed=0, iteration=LAST)
    assert Objective(bench, "lena", "denoise", seed=0)(trial) == known.psnr_db
    assert trial.user_attrs["architecture"] == str(arch)
    assert trial.user_attrs["distance"] == distance
    for target in ("stopped_psnr_smooth_db", "best_psnr_smooth_db"):
        value = Objective(bench, "lena", "denoise", seed=0, target=target)(trial)
        assert value == pytest.approx(getattr(known, target)) != known.psnr_db


@pytest.mark.adapters
def test_an_exhausted_budget_stops_the_study(optuna, bench):
    target = Objective(bench, "lena", "denoise", budget_seconds=60, cost="recorded")
    study = study_of(optuna)
    study.optimize(target, n_trials=1000)
    states = [trial.state.name for trial in study.trials]
    assert len(states) < 1000
    assert states[-1] == "PRUNED"
    assert set(states[:-1]) == {"COMPLETE"}
    assert target.simulator.stopped
    assert target.simulator.clock <= 60
    alone = optuna.trial.FixedTrial(study.trials[-1].params)  # of no study
    with pytest.raises(optuna.TrialPruned, match="the search ended"):
        target(alone)


@pytest.mark.adapters
def test_a_study_that_minimises_is_refused(optuna, bench):
    target = Objective(bench, "lena", "denoise")
    for directions in (["minimize"], ["maximize", "minimize"]):
        study = optuna.create_study(directions=directions)
        told = ", ".join(directions)
        with pytest.raises(ConfigError, match=f"study are {told}, but PSNR .*direction='maximize'"):
            study.optimize(target, n_trials=1)
    assert target.simulator.clock == 0


def test_steps_beyond_the_stop_are_refused(release):
    """Reported last, they would be what is optimised."""
    bench = release(count=3, fidelities=("r64",), tasks=("denoise",))
    stop = bench.manifest.task("r64", "denoise").stop
    assert Objective(bench, "lena", "denoise", steps=[3, stop]).steps == [3, stop]
    with pytest.raises(ConfigError, match=f"step 600 lies beyond the stopping iteration, {stop}"):
        Objective(bench, "lena", "denoise", steps=[3, 600])


@pytest.mark.adapters
def test_a_pruner_ends_trials_early(optuna, bench):
    target = Objective(bench, "lena", "denoise", seed=0, steps=[5, 15])
    study = study_of(optuna, pruner=optuna.pruners.MedianPruner(n_startup_trials=3))
    study.optimize(target, n_trials=40)
    pruned = [trial for trial in study.trials if trial.state.name == "PRUNED"]
    assert pruned
    for trial in pruned:
        assert max(trial.intermediate_values) < LAST
        arch = trial.user_attrs["arch_id"]
        step = max(trial.intermediate_values)
        known = bench.query(arch, "lena", "denoise", fidelity=LOW, seed=0, iteration=step).psnr_db
        assert trial.intermediate_values[step] == known
    with pytest.raises(UnknownNameError, match="iteration 41 must be"):
        Objective(bench, "lena", "denoise", steps=[41])


@pytest.mark.adapters
def test_diverged_trials_are_pruned(optuna, small):
    bench = small(count=2, diverged={(LOW, "denoise", 0, "lena", 0)})
    study = study_of(optuna)
    study.optimize(Objective(bench, "lena", "denoise", seed=0), n_trials=20)
    for trial in study.trials:
        assert trial.state.name == ("PRUNED", "COMPLETE")[trial.user_attrs["arch_id"]]


# Syne Tune


def test_the_export_says_what_it_holds(flawed, tmp_path):
    """On lena 9 is missing and 10 failed; 11 diverged, which is a result."""
    exported = export_blackbox(flawed, tmp_path / "blackbox", cost="recorded")
    assert exported.seeds == (0,)
    assert exported.arch_ids == (*range(9), 11)
    assert exported.images == tuple(synthetic.IMAGES)
    values = np.load(tmp_path / "blackbox" / "objectives_evaluations.npy")
    assert values.shape == (3, 10, 1, LAST, len(OBJECTIVES))
    assert np.isnan(values[..., -1, :2]).any(axis=-1).nonzero()[1].tolist() == [9]
    assert not np.isnan(values[..., 2]).any()
    metadata = json.loads((tmp_path / "blackbox" / "metadata.json").read_text())
    assert metadata["task_names"] == list(synthetic.IMAGES)
    assert metadata["cost"] == "recorded processor seconds"
    fewer = export_blackbox(flawed, tmp_path / "blackbox", images=["chest"])
    assert len(fewer.arch_ids) == 12
    assert np.load(tmp_path / "blackbox" / "objectives_evaluations.npy").shape[0] == 1


def test_an_export_that_cannot_be(flawed, small, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write .*name a folder"):
        export_blackbox(flawed, tmp_path / "file")
    with pytest.raises(UnknownNameError, match="unknown image 'lenna'"):
        export_blackbox(flawed, tmp_path, images=["lenna"])
    none = small(count=2, missing={(LOW, "denoise", a, ("boat", "lena")[a], 0) for a in range(2)})
    with pytest.raises(MissingRunError, match="no architecture has a run of denoise with seeds? 0"):
        export_blackbox(none, tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


@pytest.mark.adapters
def test_syne_tune_reads_what_the_release_has(bench, tmp_path):
    tabular = library("syne_tune.blackbox_repository.blackbox_tabular")
    exported = export_blackbox(bench, tmp_path / "blackbox", "denoise", cost="recorded")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas says that it gives up what Syne Tune reads with
        boxes = tabular.deserialize(tmp_path / "blackbox")
    assert list(boxes) == list(synthetic.IMAGES)
    for image, arch, seed, step in itertools.product(boxes, (0, 5, 11), (0, 1), (1, 17, LAST)):
        box = boxes[image]
        configuration = box.all_configurations()[exported.arch_ids.index(arch)]
        found = box.objective_function(configuration, {"iterations": step}, seed=seed)
        known = bench.query(arch, image, "denoise", fidelity=LOW, seed=seed, iteration=step)
        assert found["metric_psnr_smooth_db"] == pytest.approx(known.psnr_smooth_db, abs=1e-5)
        assert found["metric_psnr_db"] == pytest.approx(known.psnr_db, abs=1e-5)
        assert found["metric_elapsed_time"] == pytest.approx((10 + arch) * step / LAST, rel=1e-5)
        assert configuration["architecture"] == bench.codes[arch]
    box = boxes["lena"]
    space = box.configuration_space
    assert list(space) == list(box.all_configurations()[0])
    for configuration in box.all_configurations():
        for name, value in configuration.items():
            assert value in space[name].categories
    assert box.fidelity_space["iterations"].upper == LAST
    assert box.fidelity_values.tolist() == list(range(1, LAST + 1))
