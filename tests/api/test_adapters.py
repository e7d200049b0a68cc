"""Adapters to optimisation libraries, each against the real library where it is installed."""

from __future__ import annotations

import importlib
import itertools
import json
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

from nasdip_bench import NASDIPBench
from nasdip_bench.api.adapters.parameters import SKIPS, architecture_of, parameters_of
from nasdip_bench.api.adapters.synetune import ENCODINGS, OBJECTIVES, export_blackbox
from nasdip_bench.errors import (
    ArchitectureError,
    ConfigError,
    MissingDependencyError,
    MissingRunError,
    UnknownNameError,
)
from nasdip_bench.space import VALID_CELLS, Architecture, sample_architectures
from tests import synthetic

LOW, LAST, COUNT = "r64c16i40", 40, 12
BITS = "0110010110011101000111010"


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return NASDIPBench(
        synthetic.write_release(
            tmp_path_factory.mktemp("adapters") / "data", count=COUNT, fidelities=(LOW,)
        )
    )


@pytest.fixture(scope="module")
def flawed(tmp_path_factory):
    return NASDIPBench(
        synthetic.write_release(
            tmp_path_factory.mktemp("flawed") / "data",
            count=COUNT,
            fidelities=(LOW,),
            tasks=("denoise",),
            missing={(LOW, "denoise", 3, "lena", 1)},
            failed={(LOW, "denoise", 4, "boat", 0)},
            diverged={(LOW, "denoise", a, "lena", 0) for a in (5, 6)},
        )
    )


def library(name: str):
    """The library, or a skip that says how to get it."""
    return pytest.importorskip(name, reason=f"{name} is not installed: make test-adapters")


# Parameters


@pytest.mark.parametrize("cell", VALID_CELLS)
def test_parameters_describe_every_cell(cell):
    arch = Architecture(cell, BITS)
    parameters = parameters_of(arch)
    assert architecture_of(parameters) == arch
    assert "".join(str(parameters[name]) for name in SKIPS) == BITS


def test_parameters_that_mean_nothing_are_left_out_and_not_looked_at():
    interpolated = parameters_of(Architecture(60, BITS))  # bilinear, identity, none
    assert "kernel" not in interpolated
    assert architecture_of(interpolated | {"kernel": 5, "transform_first": True}).cell == 60
    transposed = parameters_of(Architecture(312, BITS))
    assert "transform" not in transposed
    assert architecture_of(transposed | {"transform": "conv"}).cell == 312
    assert "transform_first" not in transposed


def test_parameters_that_are_no_architecture_are_refused():
    good = parameters_of(Architecture(189, BITS))  # pixel_shuffle, conv
    for change in ({"transform": "identity"}, {"transform": "depthwise_conv"}, {"kernel": 4}):
        with pytest.raises(ArchitectureError, match="no cell can be built from .*pixel_shuffle"):
            architecture_of(good | change)
    del good["skip_2_3"]
    with pytest.raises(ArchitectureError, match="skip_2_3 missing"):
        architecture_of(good)
    with pytest.raises(ArchitectureError, match="has dilation 2"):
        parameters_of(Architecture(3, BITS, 2))


def test_a_missing_library_names_its_extra(bench, monkeypatch):
    monkeypatch.setitem(sys.modules, "ConfigSpace", None)
    monkeypatch.setitem(sys.modules, "optuna", None)
    configspace = importlib.import_module("nasdip_bench.api.adapters.configspace")
    optuna = importlib.import_module("nasdip_bench.api.adapters.optuna")
    with pytest.raises(MissingDependencyError, match=r"pip install 'nasdip-bench\[configspace\]'"):
        configspace.configuration_space()
    with pytest.raises(ImportError, match=r"optuna is not installed.*nasdip-bench\[optuna\]"):
        optuna.objective(bench, "lena", "denoise")(None)


def test_the_api_imports_none_of_them():
    names = {"optuna", "ConfigSpace", "syne_tune"}
    names |= {f"nasdip_bench.api.adapters.{name}" for name in ("configspace", "optuna", "synetune")}
    code = (
        "import sys, nasdip_bench.api, nasdip_bench.api.benchmark, nasdip_bench.api.cli\n"
        f"print(sorted({names!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ConfigSpace


@pytest.mark.adapters
def test_every_configuration_is_an_architecture():
    library("ConfigSpace")
    from nasdip_bench.api.adapters.configspace import configuration_space, decode, encode

    space = configuration_space(seed=0)
    assert len(space) == 30
    cells = set()
    for configuration in space.sample_configuration(3000):
        arch = decode(configuration)
        assert encode(arch, space) == configuration
        cells.add(arch.cell)
    assert len(cells) > 250
    again = configuration_space(seed=0).sample_configuration()
    assert again == configuration_space(seed=0).sample_configuration()


@pytest.mark.adapters
def test_every_cell_is_a_configuration():
    library("ConfigSpace")
    from nasdip_bench.api.adapters.configspace import configuration_space, decode, encode

    space = configuration_space()
    for cell in VALID_CELLS:
        arch = Architecture(cell, BITS)
        assert decode(encode(str(arch), space)) == arch
    assert encode(sample_architectures(1)[0], space).config_space == space


@pytest.mark.adapters
def test_invalid_cells_are_forbidden():
    cs = library("ConfigSpace")
    from nasdip_bench.api.adapters.configspace import configuration_space

    space = configuration_space()
    good = parameters_of(Architecture(189, BITS))
    cs.Configuration(space, values=good)
    bad = good | {"transform": "depthwise_conv"}
    with pytest.raises(ValueError, match="(?i)forbidden"):
        cs.Configuration(space, values=bad)
    with pytest.raises(ValueError, match="(?i)inactive|not active"):
        cs.Configuration(
            space, values=parameters_of(Architecture(3, BITS)) | {"transform_first": True}
        )


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
    from nasdip_bench.api.adapters.optuna import objective

    study = study_of(optuna)
    study.optimize(objective(bench, "lena", "denoise", seed=0), n_trials=30)
    assert len(study.trials) == 30
    for trial in study.trials:
        seen = bench.query(trial.user_attrs["arch_id"], "lena", "denoise", LOW, 0, LAST)
        assert trial.value == seen.psnr_smooth_db
        assert trial.user_attrs["architecture"] == seen.architecture
        assert 0 <= trial.user_attrs["distance"] <= 31
    clocks = [trial.user_attrs["clock"] for trial in study.trials]
    assert clocks == sorted(clocks)


@pytest.mark.adapters
def test_suggestions_are_architectures_and_the_nearest_stands_in(optuna, bench):
    from nasdip_bench.api.adapters.optuna import objective, suggest

    study, cells = study_of(optuna), set()
    for _ in range(200):
        cells.add(suggest(study.ask()).cell)
    assert cells <= set(VALID_CELLS)
    assert len({Architecture(c, BITS).attributes.sampling for c in cells}) == 5
    own = bench[4]
    fixed = dict(parameters_of(own))
    if fixed["sampling"] == "pixel_shuffle":
        fixed["shuffled_transform"] = fixed.pop("transform")
    trial = optuna.trial.FixedTrial(fixed)
    assert suggest(trial) == own
    value = objective(bench, "lena", "denoise", seed=0)(trial)
    assert (trial.user_attrs["arch_id"], trial.user_attrs["distance"]) == (4, 0)
    assert value == bench.query(4, "lena", "denoise", LOW, 0, LAST).psnr_smooth_db


@pytest.mark.adapters
def test_an_exhausted_budget_stops_the_study(optuna, bench):
    from nasdip_bench.api.adapters.optuna import objective

    target = objective(bench, "lena", "denoise", budget_seconds=60, cost="recorded")
    study = study_of(optuna)
    study.optimize(target, n_trials=1000)
    states = [trial.state.name for trial in study.trials]
    assert len(states) < 1000
    assert states[-1] == "PRUNED"
    assert set(states[:-1]) == {"COMPLETE"}
    assert target.simulator.stopped
    assert target.simulator.clock <= 60


def test_steps_beyond_the_stop_are_refused(tmp_path):
    """Reported last, they would be what is optimised."""
    from nasdip_bench.api.adapters.optuna import objective

    path = synthetic.write_release(
        tmp_path / "data", count=3, fidelities=("r64",), tasks=("denoise",)
    )
    bench = NASDIPBench(path)
    stop = bench.manifest.task("r64", "denoise").stop
    assert objective(bench, "lena", "denoise", steps=[3, stop]).steps == [3, stop]
    with pytest.raises(ConfigError, match=f"step 600 lies beyond the stopping iteration, {stop}"):
        objective(bench, "lena", "denoise", steps=[3, 600])


@pytest.mark.adapters
def test_a_pruner_ends_trials_early(optuna, bench):
    from nasdip_bench.api.adapters.optuna import objective

    target = objective(bench, "lena", "denoise", seed=0, steps=[5, 15])
    study = study_of(optuna, pruner=optuna.pruners.MedianPruner(n_startup_trials=3))
    study.optimize(target, n_trials=40)
    pruned = [trial for trial in study.trials if trial.state.name == "PRUNED"]
    assert pruned
    for trial in pruned:
        assert max(trial.intermediate_values) < LAST
        arch = trial.user_attrs["arch_id"]
        step = max(trial.intermediate_values)
        known = bench.query(arch, "lena", "denoise", LOW, 0, step).psnr_smooth_db
        assert trial.intermediate_values[step] == known
    with pytest.raises(UnknownNameError, match="iteration 41 is not"):
        objective(bench, "lena", "denoise", steps=[41])


@pytest.mark.adapters
def test_diverged_trials_are_pruned(optuna, tmp_path):
    from nasdip_bench.api.adapters.optuna import objective

    path = synthetic.write_release(
        tmp_path / "data",
        count=2,
        fidelities=(LOW,),
        tasks=("denoise",),
        diverged={(LOW, "denoise", 0, "lena", 0)},
    )
    study = study_of(optuna)
    study.optimize(objective(NASDIPBench(path), "lena", "denoise", seed=0), n_trials=20)
    for trial in study.trials:
        assert trial.state.name == ("PRUNED", "COMPLETE")[trial.user_attrs["arch_id"]]


# Syne Tune


def test_the_export_says_what_it_holds(flawed, tmp_path):
    exported = export_blackbox(flawed, tmp_path / "blackbox", cost="recorded")
    # 3 and 4 are not complete; the default seed is the one with the most results
    (seed,) = exported.seeds
    assert exported.arch_ids == tuple(a for a in range(COUNT) if a != {0: 4, 1: 3}[seed])
    assert exported.images == tuple(synthetic.IMAGES)
    values = np.load(tmp_path / "blackbox" / "objectives_evaluations.npy")
    assert values.shape == (3, COUNT - 1, 1, LAST, len(OBJECTIVES))
    metadata = json.loads((tmp_path / "blackbox" / "metadata.json").read_text())
    assert metadata["task_names"] == list(synthetic.IMAGES)
    assert metadata["cost"] == "recorded processor seconds"
    diverged = np.isnan(values[0, :, 0, -1, 0])
    assert diverged.any() == (seed == 0)
    assert not np.isnan(values[..., 2]).any()
    with pytest.raises(UnknownNameError, match="unknown encoding 'bits'"):
        export_blackbox(flawed, tmp_path / "blackbox", encoding="bits")
    fewer = export_blackbox(flawed, tmp_path / "blackbox", images=["chest"])
    assert len(fewer.arch_ids) == COUNT
    assert np.load(tmp_path / "blackbox" / "objectives_evaluations.npy").shape[0] == 1


def test_an_export_that_cannot_be(flawed, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write .*name a folder"):
        export_blackbox(flawed, tmp_path / "file")
    with pytest.raises(UnknownNameError, match="unknown image 'lenna'"):
        export_blackbox(flawed, tmp_path, images=["lenna"])
    runs = {(LOW, "denoise", a, "lena" if a else "boat", s) for a in range(2) for s in (0, 1)}
    path = synthetic.write_release(
        tmp_path / "data", count=2, fidelities=(LOW,), tasks=("denoise",), missing=runs
    )
    with pytest.raises(MissingRunError, match="no architecture has a run of denoise with seeds? 0"):
        export_blackbox(NASDIPBench(path), tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


@pytest.mark.adapters
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_syne_tune_reads_what_the_release_has(bench, tmp_path, encoding):
    tabular = syne_tune("blackbox_repository.blackbox_tabular")
    exported = export_blackbox(
        bench, tmp_path / "blackbox", "denoise", encoding=encoding, cost="recorded"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas says that it gives up what Syne Tune reads with
        boxes = tabular.deserialize(tmp_path / "blackbox")
    assert list(boxes) == list(synthetic.IMAGES)
    for image, arch, seed, step in itertools.product(boxes, (0, 5, 11), (0, 1), (1, 17, LAST)):
        box = boxes[image]
        configuration = box.all_configurations()[exported.arch_ids.index(arch)]
        found = box.objective_function(configuration, {"iterations": step}, seed=seed)
        known = bench.query(arch, image, "denoise", LOW, seed, step)
        assert found["metric_psnr_smooth_db"] == pytest.approx(known.psnr_smooth_db, abs=1e-5)
        assert found["metric_psnr_db"] == pytest.approx(known.psnr_db, abs=1e-5)
        assert found["metric_elapsed_time"] == pytest.approx((10 + arch) * step / LAST, rel=1e-5)
        if encoding == "architecture":
            assert configuration["architecture"] == str(bench[arch])
        else:
            assert architecture_of(configuration) == bench[arch]
    box = boxes["lena"]
    space = box.configuration_space
    assert list(space) == list(box.all_configurations()[0])
    for configuration in box.all_configurations():
        for name, value in configuration.items():
            assert value in space[name].categories
    assert box.fidelity_space["iterations"].upper == LAST
    assert box.fidelity_values.tolist() == list(range(1, LAST + 1))


ASHA_RUN = """
import json, sys
from syne_tune import StoppingCriterion, Tuner
from syne_tune.backend.simulator_backend.simulator_callback import SimulatorCallback
from syne_tune.blackbox_repository import UserBlackboxBackend
from syne_tune.blackbox_repository.blackbox_tabular import deserialize
from syne_tune.experiments import load_experiment
from syne_tune.optimizer.baselines import ASHA

box = deserialize("blackbox")["lena"]
tuner = Tuner(
    trial_backend=UserBlackboxBackend(box, elapsed_time_attr="metric_elapsed_time", seed=1),
    scheduler=ASHA(
        box.configuration_space,
        metric="metric_psnr_smooth_db",
        do_minimize=False,
        random_seed=0,
        time_attr="iterations",
        max_t=40,
        grace_period=4,
    ),
    stop_criterion=StoppingCriterion(max_num_trials_started=12),
    n_workers=2,
    sleep_time=0,
    callbacks=[SimulatorCallback()],
    save_tuner=False,
)
tuner.run()
print("ROWS", load_experiment(tuner.name).results.to_json(orient="records"))
"""


@pytest.mark.adapters
def test_a_scheduler_of_syne_tune_runs_on_the_export(bench, tmp_path):
    syne_tune("blackbox_repository.blackbox_tabular")
    export_blackbox(bench, tmp_path / "blackbox", "denoise", cost="recorded")
    home = {**os.environ, "HOME": str(tmp_path)}  # it writes its results there
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ASHA_RUN],
        cwd=tmp_path,
        env=home,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout.split("ROWS", 1)[1])
    iterations = {}
    for row in rows:
        arch = bench.arch_id(row["config_architecture"])
        known = bench.query(arch, "lena", "denoise", LOW, 1, row["iterations"])
        assert row["metric_psnr_smooth_db"] == pytest.approx(known.psnr_smooth_db, abs=1e-5)
        iterations[arch] = max(row["iterations"], iterations.get(arch, 0))
    assert len(iterations) > 5
    assert min(iterations.values()) < LAST == max(iterations.values())  # it stops some early


def syne_tune(module: str):
    """A module of Syne Tune, which and whose libraries warn on import of what is theirs to mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return library(f"syne_tune.{module}")
