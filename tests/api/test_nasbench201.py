"""The NAS-Bench-201 adapter: values against the release."""

from __future__ import annotations

import copy
import pickle
import random
import re
from collections import Counter

import numpy as np
import pytest

from nasdip_bench.api import NASBench201API
from nasdip_bench.api.adapters.nasbench201 import (
    ArchResults,
    NotEvaluatedError,
    ResultsCount,
    create,
)
from nasdip_bench.api.simulation.prices import CostModel
from nasdip_bench.errors import ConfigError, DatasetError, MissingRunError, UnknownNameError
from nasdip_bench.seeding import BitStream
from nasdip_bench.space import encode_choices, sample_architectures
from nasdip_bench.space.cost import architecture_cost
from tests import synthetic
from tests.synthetic import LOW

LAST, COUNT = 40, 12


@pytest.fixture(scope="module")
def bench(low):
    return low


@pytest.fixture
def api(bench):
    return NASBench201API(bench, cost="recorded")


def smooth(bench, arch, image, task, seed=0, iteration=LAST):
    known = bench.query(arch, image, task, fidelity=LOW, seed=seed, iteration=iteration)
    return known.psnr_smooth_db


def test_it_is_a_sequence_of_strings(api, bench):
    assert [api[i] for i in range(COUNT)] == api.meta_archs == list(bench.codes)
    assert api.arch(3) == str(bench[3])
    named = [f"{image}-{task}" for task in ("denoise", "inpaint") for image in synthetic.IMAGES]
    assert [*api.dataset_names] == named
    assert repr(api) == (
        f"NASBench201API('{bench.path}': 12 architectures, each evaluated for denoise of lena, "
        "chest, boat (seed 0, 1); inpaint of lena, chest, boat (seed 0, 1))"
    )
    assert len(create(str(bench.path), "tss", fast_mode=True, verbose=False)) == len(api) == COUNT
    assert list(api) == api.meta_archs
    assert api.archstr2index[api[7]] == 7
    for index in (COUNT, -1, "x", True):
        with pytest.raises(IndexError, match=f"index {index!r} must be a whole number from 0 to"):
            api[index]
    with pytest.raises(DatasetError):
        create("nowhere")


def test_indices_of_architectures(api, bench):
    class Structure:
        def tostr(self):
            return str(bench[5])

    for arch in (5, np.int64(5), str(bench[5]), bench[5], Structure()):
        assert api.query_index_by_arch(arch) == 5
    assert api.query_index_by_arch(str(sample_architectures(COUNT + 1)[-1])) == -1
    assert api.query_index_by_arch("|nor_conv_3x3~0|+|none~0|none~1|") == -1
    with pytest.raises(ValueError, match="architecture index -1 must be"):
        api.query_index_by_arch(-1)


def test_more_info_is_what_the_release_has(api, bench):
    info, same = (
        api.get_more_info(7, "lena-denoise", hp=hp, is_random=1) for hp in (None, str(LAST))
    )
    assert info == same
    known = bench.query(7, "lena", "denoise", fidelity=LOW, seed=1, iteration=LAST)
    assert info["train-accuracy"] == known.psnr_db
    assert info["valid-accuracy"] == info["test-accuracy"] == known.psnr_smooth_db
    assert info["valid-loss"] == pytest.approx(10 ** (-known.psnr_smooth_db / 10))
    assert info["train-all-time"] == pytest.approx(17)  # recorded seconds of architecture 7
    assert info["train-per-time"] == pytest.approx(17 / LAST)
    assert info["valid-all-time"] == info["test-per-time"] == 0
    assert sorted(info) == sorted(
        f"{of}-{kind}"
        for of in ("train", "valid", "test", "valtest")
        for kind in ("loss", "accuracy", "per-time", "all-time")
    )


def test_epochs_count_from_zero(api, bench):
    info = api.get_more_info(7, "boat-inpaint", iepoch=9, hp=30, is_random=0)
    assert info["valid-accuracy"] == smooth(bench, 7, "boat", "inpaint", 0, 10)
    assert info["train-all-time"] == pytest.approx(17 * 10 / LAST)
    with pytest.raises(ConfigError, match=r"iepoch 30 must be a whole number from 0 to 29"):
        api.get_more_info(7, "boat-inpaint", iepoch=30, hp=30)


def test_trials_are_seeds(api, bench):
    both = [smooth(bench, 2, "lena", "denoise", seed) for seed in (0, 1)]
    assert both[0] != both[1]
    mean = api.get_more_info(2, "lena-denoise", is_random=False)["valid-accuracy"]
    assert mean == pytest.approx(np.mean(both))
    drawn = Counter(
        api.get_more_info(2, "lena-denoise", is_random=True)["valid-accuracy"] for _ in range(60)
    )
    assert set(drawn) == set(both)
    assert min(drawn.values()) > 10
    with pytest.raises(UnknownNameError, match="no trial with seed 9; available: 0, 1"):
        api.get_more_info(2, "lena-denoise", is_random=9)


def test_draws_follow_pythons_random_unless_a_seed_is_given(bench):
    """Scripts seed ``random``: their ``--rand_seed`` has to tell searches apart."""

    def search(seed):
        random.seed(seed)
        api = NASBench201API(bench)
        archs = [api.random() for _ in range(9)] + [api.mutate(0) for _ in range(9)]
        return archs, [api.simulate_train_eval(a, "lena-denoise")[0] for a in archs]

    assert search(1) == search(1) != search(2)
    state = random.getstate()
    seeded = [NASBench201API(bench, seed=4) for _ in range(2)]
    first, again = ([api.random() for _ in range(9)] for api in seeded)
    assert first == again
    assert random.getstate() == state
    for seed in ("x", -1, True):
        with pytest.raises(ConfigError, match=f"seed {seed!r} must be a whole number"):
            NASBench201API(bench, seed=seed)


def test_simulated_training_is_timed(api, bench):
    psnr, latency, seconds, used = api.simulate_train_eval(3, "lena-denoise", hp=20)
    assert psnr in [smooth(bench, 3, "lena", "denoise", seed, 20) for seed in (0, 1)]
    assert seconds == used == pytest.approx(13 / 2)
    assert latency == pytest.approx(13 / LAST / 3)
    api.simulate_train_eval(str(bench[3]), "lena-denoise")
    assert api.used_time == pytest.approx(13 * 1.5)
    api.simulate_train_eval(3, "lena-denoise", account_time=False)
    assert api.used_time == pytest.approx(13 * 1.5)
    api.reset_time()
    assert api.used_time == 0


def test_names_of_budgets_can_be_given_a_meaning(bench):
    api = NASBench201API(bench, hps={"12": 4, "90": None, "200": LAST})

    def psnr(hp, iepoch=None):
        return api.get_more_info(1, "lena-denoise", iepoch, hp, 0)["valid-accuracy"]

    def at(iteration):
        return smooth(bench, 1, "lena", "denoise", 0, iteration)

    for hp in ("12", 12, np.int64(12), True):  # True and False as in the first version
        assert psnr(hp) == psnr("12", 11) == at(4)
    for hp in ("200", 200, False, "90", None):
        assert psnr(hp) == at(LAST)
    # Epochs are equal shares of the iterations: 5 epochs of 200 are one of 40.
    assert [psnr("200", epoch) for epoch in (199, 99, 9, 4, 0)] == [
        at(iteration) for iteration in (40, 20, 2, 1, 1)
    ]
    assert psnr(13) == at(13)  # iterations: it is no name
    assert "ms, 40 iterations, seed 0, 1\n" in api.query_info_str_by_arch(1, "200")
    with pytest.raises(UnknownNameError, match="iteration 91 must be a whole number from 1 to 40"):
        api.simulate_train_eval(1, "lena-denoise", hp=91)
    with pytest.raises(ConfigError, match=r"iepoch 12 must be a whole number from 0 to 11"):
        api.get_more_info(1, "lena-denoise", iepoch=12, hp="12")


def test_epochs_end_at_kept_iterations(release):
    """At 350 iterations not all are kept: names round down, numbers are refused."""
    bench = release(count=3, fidelities=("r64",), tasks=("denoise",))
    kept = bench.curve(0, "lena", "denoise").iterations
    lost = next(n for n in range(1, 350) if n not in kept)
    api = NASBench201API(bench, hps={"12": lost, "200": None})
    assert api.query_by_index(0, "lena-denoise", hp="12")[1].budget == (12, lost - 1, True)
    trial = api.query_by_index(0, "lena-denoise", hp=200)[1]
    assert trial.budget == (200, 350, True)
    assert len(trial.train_acc1es) == 200
    for epoch in range(200):
        below = max(n for n in kept if n <= max(1, (epoch + 1) * 350 // 200))
        known = bench.query(0, "lena", "denoise", seed=1, iteration=int(below))
        assert trial.get_eval("x-valid", epoch)["accuracy"] == known.psnr_smooth_db
        assert trial.train_acc1es[epoch] == known.psnr_db
    plain = api.query_by_index(0, "lena-denoise", hp=350)[trial.seed]
    assert list(plain.train_acc1es) == [n - 1 for n in kept if n <= 350]
    with pytest.raises(UnknownNameError, match=f"iepoch {lost - 1} ends at iteration {lost}, whi"):
        plain.get_train(lost - 1)


def test_the_full_training_is_a_number(bench):
    assert NASBench201API(bench, hps={"12": 4, "200": None}).full_train_epochs == 200
    api = NASBench201API(bench, dataset="lena-denoise")
    assert api.full_train_epochs == LAST
    assert api.avaliable_hps == ["40"]
    stop = api.get_more_info(1, "lena-denoise", is_random=0)
    assert api.get_more_info(1, "lena-denoise", hp=api.full_train_epochs, is_random=0) == stop


@pytest.mark.parametrize("name", ["01", 12, "200", True])
def test_names_of_budgets_are_not_taken_for_numbers(api, name):
    meant = "12" if name is True else name
    match = rf"hp {meant!r} is {int(meant)} epochs in scripts .*hps=\{{'{meant}': None\}}"
    with pytest.raises(ConfigError, match=match):
        api.get_more_info(1, "lena-denoise", hp=name)


@pytest.mark.parametrize("hp", ["abc", "-3", "1.5", 0, 1.5, np.inf, []])
def test_what_is_no_budget_is_refused(bench, hp):
    api = NASBench201API(bench, hps={"short": 4})
    match = f"hp {re.escape(repr(hp))} must be a whole number of iterations .* in hps: short"
    with pytest.raises(ConfigError, match=match):
        api.get_more_info(1, "lena-denoise", hp=hp)


def test_budgets_are_a_mapping_from_strings_to_iterations(bench):
    for hps in (["12"], "12", {12: 4}):
        match = f"hps {re.escape(repr(hps))} must be a mapping from names"
        with pytest.raises(ConfigError, match=match):
            NASBench201API(bench, hps=hps)
    for meant in (0, 1.5, "109", True, LAST + 1):
        match = rf"hps\['12'\] {re.escape(repr(meant))} must be a whole number from 1 to 40, .* or"
        with pytest.raises(ConfigError, match=match):
            NASBench201API(bench, hps={"12": meant})


def test_costs_are_in_millions(bench):
    api = NASBench201API(bench, cost=CostModel(flops_per_second=1e9))
    cost = api.get_cost_info(4, "lena-denoise")
    counted = architecture_cost(bench[4], channels=16)
    assert cost["params"] == pytest.approx(counted.parameters / 1e6)
    assert cost["flops"] == pytest.approx(counted.forward_flops(64, 64) / 1e6)
    assert cost["latency"] == pytest.approx(counted.forward_flops(64, 64) / 1e9)
    assert cost["T-train@epoch"] == pytest.approx(3 * cost["latency"])
    assert cost["T-train@total"] == pytest.approx(LAST * 3 * cost["latency"])
    assert api.get_latency(4, "lena-denoise") == cost["latency"]


def test_indices_are_of_what_is_evaluated(low_release, caplog):
    """Architecture 0 lacks a run that the default seed needs, 11 those of inpainting."""
    missing = {(LOW, "denoise", 0, "lena", 1), (LOW, "inpaint", 11, "lena", 1)}
    bench = low_release(seeds={LOW: (1,)}, missing=missing)
    api = create(bench, dataset="lena-denoise")
    assert api.meta_archs == list(api) == list(bench.codes[1:])
    assert len(api) == 11
    assert api.evaluated_indexes == list(range(11))
    assert api.query_index_by_arch(bench[0]) == -1
    seen = [api.get_more_info(i, "lena-denoise")["test-accuracy"] for i, _ in enumerate(api)]
    assert seen == [smooth(bench, arch, "lena", "denoise", 1) for arch in range(1, 12)]
    assert api.find_best("lena-denoise", "test") == (10, max(seen))
    assert {api.random() for _ in range(300)} == set(range(11))
    assert api.nearest(bench[11]) == bench.codes[11]
    for arch in (bench[0], bench.codes[0]):
        with pytest.raises(NotEvaluatedError, match=f"{bench.codes[0]} is not evaluated on all of"):
            api.get_more_info(arch, "lena-denoise")
    with pytest.raises(ValueError, match="architecture index -1 must be"):
        api.simulate_train_eval(api.query_index_by_arch(bench[0]), "lena-denoise")
    assert not caplog.records
    everywhere = NASBench201API(bench)
    assert everywhere.meta_archs == list(bench.codes[1:11])
    told = "10 architectures are evaluated on all 6 datasets, 12 on 'chest-denoise': open the one"
    assert [told in one.message for one in caplog.records] == [True]


def test_datasets_have_the_names_of_a_script(bench):
    api = create(bench, datasets={"cifar10-valid": "lena-denoise", "cifar10": "boat-denoise"})
    assert api.dataset_names == ("cifar10-valid", "cifar10")
    for name, image in (("cifar10-valid", "lena"), ("cifar10", "boat")):
        found = api.get_more_info(2, name, is_random=1)["valid-accuracy"]
        assert found == smooth(bench, 2, image, "denoise", 1)
    assert api.query_meta_info_by_index(2).get_dataset_names() == ["cifar10-valid", "cifar10"]
    both = create(bench, dataset="lena-denoise", datasets={"cifar100": "boat-denoise"})
    assert both.dataset_names == ("lena-denoise", "cifar100")
    seeds = create(bench, datasets={"cifar10-valid": "lena-denoise@0", "cifar10": "lena-denoise@1"})
    assert repr(seeds).endswith("denoise of lena (seed 0); denoise of lena (seed 1))")
    for name, seed in (("cifar10-valid", 0), ("cifar10", 1)):
        info = seeds.get_more_info(2, name)
        assert info["test-accuracy"] == smooth(bench, 2, "lena", "denoise", seed)
    for wrong in ("2", "one", ""):
        told = f"unknown seed of 'lena-denoise' '{wrong}'.*Available: 0, 1"
        with pytest.raises(UnknownNameError, match=told):
            create(bench, dataset=f"lena-denoise@{wrong}")
    with pytest.raises(UnknownNameError, match="unknown dataset 'lena-denoise'. .* cifar10-valid"):
        api.get_more_info(2, "lena-denoise")
    with pytest.raises(UnknownNameError, match="unknown dataset 'cifar10'"):
        create(bench, dataset="cifar10")
    with pytest.raises(ConfigError, match="datasets .* must be a mapping from a script"):
        create(bench, datasets=["lena-denoise"])


def test_moves_among_what_is_evaluated_never_stay(bench):
    api = NASBench201API(bench, seed=0)
    choices = encode_choices(bench.codes)
    outside = sample_architectures(COUNT + 1)[-1]
    for arch in (3, bench.codes[3], outside):
        own = choices[3] if arch == 3 else encode_choices(arch)
        distances = np.count_nonzero(choices != own, axis=1)
        near = api.neighbours(arch, 5)
        others = np.sort(distances[distances > 0])
        assert [distances[api.query_index_by_arch(one)] for one in near] == others[:5].tolist()
        assert {api.mutate(arch, 5) for _ in range(300)} == set(near)
        assert distances[api.query_index_by_arch(api.nearest(arch))] == distances.min()
    assert api.nearest(3) == bench.codes[3]
    assert len(api.neighbours(3)) == 10
    assert len(api.neighbours(3, 99)) == COUNT - 1
    assert {api.random_arch() for _ in range(300)} == set(bench.codes)
    mutant = bench[3].mutate(BitStream("test", 1))
    assert api.nearest(mutant) == str(bench.neighbours(mutant, k=1)[0][0])


def test_a_dataset_with_a_seed_has_only_its_runs(low_release):
    lost = {(LOW, "denoise", arch, "lena", 1) for arch in range(3, COUNT)}
    lost |= {(LOW, "denoise", arch, "boat", 1) for arch in range(COUNT)}
    bench = low_release(missing=lost)
    first = NASBench201API(bench)
    assert "denoise of lena, chest, boat (seed 0); inpaint of lena, chest, boat (seed 0, 1)" in (
        repr(first)
    )
    by_seed = [smooth(bench, 2, "lena", "denoise", seed) for seed in (0, 1)]
    for random_trial in (False, True, 0):
        info = first.get_more_info(2, "lena-denoise", is_random=random_trial)
        assert info["test-accuracy"] == by_seed[0]
    assert first.find_best("lena-denoise", "test")[0] == COUNT - 1
    with pytest.raises(UnknownNameError, match=r"seed 1; available: 0; .*'image-task@seed' opens"):
        first.get_more_info(2, "lena-denoise", is_random=1)
    assert "iterations, seed 0\n" in first.query_info_str_by_arch(2)
    judged = create(bench, datasets={"valid": "lena-denoise@0", "test": "lena-denoise@1"})
    assert judged.meta_archs == list(bench.codes[:3])
    assert judged.get_more_info(2, "test")["test-accuracy"] == by_seed[1]
    assert judged.find_best("test", "test") == (2, by_seed[1])
    with pytest.raises(MissingRunError, match=f"architecture {bench[5]} is not evaluated on"):
        judged.get_more_info(bench[5], "valid")


def test_where_nothing_is_evaluated_everywhere_a_dataset_has_to_be_named(low_release):
    lost = {(LOW, "denoise", 0, "lena", 0), (LOW, "inpaint", 1, "lena", 0)}
    bench = low_release(count=2, seeds={LOW: (0,)}, missing=lost)
    with pytest.raises(MissingRunError, match="no architectures are evaluated on all 6 datasets"):
        NASBench201API(bench)
    api = NASBench201API(bench, dataset="lena-denoise")
    with pytest.raises(ConfigError, match="0 has no neighbour"):
        api.mutate(0)


def test_what_scripts_ask_of_the_space(bench):
    api = create(bench, "tss", hps={"12": 4, "90": None})
    assert (api.search_space_name, api.is_topology, api.is_size) == ("topology", True, False)
    assert api.avaliable_hps == ["12", "90"]
    with pytest.raises(UnknownNameError, match="unknown search space 'sss'. Did you mean 'tss'"):
        create(bench, "sss")


def test_what_the_original_holds_in_memory(api, bench):
    known = api.query_meta_info_by_index(2, "40")
    api.hps = {"200": None}
    for index in range(COUNT):
        api._prepare_info(index)
    assert list(api.arch2infos_dict) == api.evaluated_indexes
    results = api.arch2infos_dict[2]["200"]
    assert results.get_metrics("lena-denoise", "x-test") == {
        **known.get_metrics("lena-denoise", "x-test"),
        "iepoch": 199,
    }
    with pytest.raises(ValueError, match="architecture index 12 must be"):
        api._prepare_info(COUNT)
    config = {"name": "nasdip", "arch_str": bench.codes[2], "C": 16, "N": 5, "num_classes": 1}
    assert api.get_net_config(2, "lena-denoise") == config


def test_find_best(api, bench):
    best, psnr = api.find_best("lena-denoise", "test")
    means = [
        np.mean([smooth(bench, arch, "lena", "denoise", seed) for seed in (0, 1)])
        for arch in range(COUNT)
    ]
    assert (best, psnr) == (int(np.argmax(means)), pytest.approx(max(means)))
    costs = [api.get_cost_info(arch, "lena-denoise") for arch in range(COUNT)]
    # What the two smallest of both need allows a few others too.
    flops, params = (np.array([cost[name] for cost in costs]) for name in ("flops", "params"))
    small = np.argsort(flops)[:2]
    limits = {"FLOP_max": flops[small].max(), "Param_max": params[small].max()}
    within = np.flatnonzero((flops <= limits["FLOP_max"]) & (params <= limits["Param_max"]))
    found, _ = api.find_best("lena-denoise", "valid", **limits)
    assert 0 < len(within) < COUNT
    assert found == max(within, key=lambda arch: means[arch])
    assert api.find_best("lena-denoise", "valid", enforce_all=True, **limits)[0] == found
    assert api.find_best("lena-denoise", "test", FLOP_max=0) == (-1, None)
    early, _ = api.find_best("lena-denoise", "x-valid", hp=3)
    by_hand = [smooth(bench, arch, "lena", "denoise", 0, 3) for arch in range(COUNT)]
    assert by_hand[early] == max(by_hand)
    with pytest.raises(UnknownNameError, match="unknown set 'holdout'"):
        api.find_best("lena-denoise", "holdout")


def test_results_have_the_methods_of_the_original(api, bench):
    results = api.query_meta_info_by_index(2, hp="30")
    assert isinstance(results, ArchResults)
    assert results.arch_str == api[2]
    assert results.get_dataset_names() == list(api.dataset_names)
    assert results.get_dataset_seeds("lena-denoise") == [0, 1]
    assert results.get_total_epoch() == results.get_total_epoch("boat-inpaint") == 30
    assert results.arch_idx_str() == "000002"
    metrics = results.get_metrics("lena-denoise", "x-valid", iepoch=4, is_random=1)
    assert metrics["accuracy"] == smooth(bench, 2, "lena", "denoise", 1, 5)
    assert metrics["iepoch"] == 4
    assert metrics["all_time"] == metrics["cur_time"] == 0
    trained = results.get_metrics("lena-denoise", "train", iepoch=4, is_random=1)
    assert trained["all_time"] == pytest.approx(12 * 5 / LAST)
    assert trained["cur_time"] == pytest.approx(12 / LAST)
    trials = api.query_by_index(2, "lena-denoise", hp=30)
    assert sorted(trials) == [0, 1]
    one = trials[1]
    assert isinstance(one, ResultsCount)
    assert (one.seed, one.name, one.get_total_epoch()) == (1, "lena-denoise", 30)
    assert one.get_eval("ori-test")["accuracy"] == smooth(bench, 2, "lena", "denoise", 1, 30)
    assert one.get_times()["T-train@total"] == pytest.approx(12 * 30 / LAST)
    assert one.arch_config["arch_str"] == api[2]
    assert one.arch_config["fidelity"] == LOW
    curve = bench.curve(2, "lena", "denoise", fidelity=LOW, seed=1).psnr_db
    assert list(one.train_acc1es.values()) == pytest.approx(curve[:30].tolist())
    assert api.query_by_index(2).arch_index == 2
    again = pickle.loads(pickle.dumps(copy.deepcopy(results)))  # noqa: S301
    assert again.query("lena-denoise", 1).get_eval("test", 7) == one.get_eval("test", 7)
    assert len(pickle.dumps(results)) < 20_000  # its own curves, not the release
    assert pickle.loads(pickle.dumps(api))[2] == api[2]  # noqa: S301
    drawn = [again.get_metrics("lena-denoise", "test", is_random=True) for _ in range(60)]
    assert len({metrics["accuracy"] for metrics in drawn}) == 2
    with pytest.raises(UnknownNameError, match="unknown dataset 'cifar10'"):
        results.query("cifar10")


def test_what_it_prints(api, capsys):
    text = api.query_by_arch(api[1], "40")
    assert text == api.query_info_str_by_arch(1)
    assert text.startswith(api[1])
    assert "lena-denoise" in text
    assert "psnr = " in text
    api.show(1)
    assert capsys.readouterr().out == f"000001\n{text}\n"
    api.show()
    assert capsys.readouterr().out.count("datasets : ") == COUNT


def test_runs_without_a_result_and_diverged_ones(flawed):
    """On lena 9 is missing and 10 failed; 11 diverged, which is a result."""
    api = NASBench201API(flawed, dataset="lena-denoise")
    assert [flawed.arch_id(code) for code in api] == [*range(9), 11]
    assert np.isnan(api.get_more_info(9, "lena-denoise")["valid-accuracy"])
    assert api.find_best("lena-denoise", "test")[0] == 8
    with pytest.raises(ValueError, match=f"architecture {flawed[9]} is not evaluated"):
        api.simulate_train_eval(flawed[9], "lena-denoise")
    with pytest.raises(UnknownNameError, match="unknown dataset 'lena'.*lena-denoise"):
        api.get_latency(0, "lena")


def test_fidelities(release):
    bench = release(count=2)
    high, low = NASBench201API(bench), NASBench201API(bench, fidelity=LOW)
    assert low.query_meta_info_by_index(0).get_total_epoch() == LAST
    assert low.query_meta_info_by_index(0).get_dataset_seeds("lena-denoise") == [0]
    assert high.query_meta_info_by_index(0).get_total_epoch() == 350
    assert high.get_cost_info(0, "lena-denoise")["params"] > 0.1
    with pytest.raises(ConfigError, match="the datasets stop at iterations 350, 2000: open one"):
        high.full_train_epochs  # noqa: B018
    with pytest.raises(UnknownNameError, match="unknown fidelity 'r1024'"):
        NASBench201API(bench, fidelity="r1024")


def test_a_release_without_runs_is_refused(small):
    failed = {(LOW, "denoise", 0, image, 0) for image in synthetic.IMAGES}
    with pytest.raises(MissingRunError, match="this release has no runs"):
        NASBench201API(small(count=1, failed=failed))
