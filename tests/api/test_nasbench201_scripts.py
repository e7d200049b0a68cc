"""The calls that published scripts make of NAS-Bench-201 and NATS-Bench, with their dataset names.

docs/search.md says which lines of each script change.
"""

from __future__ import annotations

import random
from collections import deque

import numpy as np
import pytest

from nasdip_bench.api.adapters.nasbench201 import create
from tests.synthetic import LOW

LAST, SHORT, COUNT = 40, 12, 12
DATASETS = {"cifar10-valid": "lena-denoise", "cifar10": "lena-denoise", "cifar100": "chest-inpaint"}


@pytest.fixture(scope="module")
def api(low):
    hps = {"12": SHORT, "200": None}
    return create(
        low, "tss", fast_mode=True, verbose=False, datasets=DATASETS, hps=hps, cost="recorded"
    )


@pytest.fixture(autouse=True)
def _as_scripts_do():
    random.seed(0)


def smooth(api, arch, iteration=LAST, seed=None):
    """Of lena, the mean over the seeds where none is named."""
    return api.bench.query(
        arch, "lena", "denoise", fidelity=LOW, seed=seed, iteration=iteration
    ).psnr_smooth_db


def of_either_seed(api, arch, iteration):
    return [smooth(api, arch, iteration, seed) for seed in (0, 1)]


def test_random_search(api):
    """AutoDL-Projects, random_wo_share.py."""
    api.reset_time()
    history, times = [], []
    while not times or times[-1] < 50:
        arch = api.random_arch()
        accuracy, _, _, total = api.simulate_train_eval(arch, "cifar10", hp="12")
        assert accuracy in of_either_seed(api, arch, SHORT)
        history.append((accuracy, arch))
        times.append(total)
    assert times[-2] < 50 <= times[-1] == api.used_time
    rows = [api.query_index_by_arch(arch) for _, arch in history]
    assert times[-1] == pytest.approx(sum(10 + row for row in rows) * SHORT / LAST)
    best = max(history)[1]
    assert api.query_index_by_arch(best) == max(rows)  # lena ranks by row
    assert f"{LAST} iterations" in api.query_info_str_by_arch(best, "200")


@pytest.mark.parametrize("use_proxy", [True, False])
def test_regularised_evolution(api, use_proxy):
    """AutoDL-Projects, regularized_ea.py."""
    hp = "12" if use_proxy else api.full_train_epochs
    api.reset_time()
    population, history, total = deque(), [], 0.0
    while total < 300:
        if len(population) < 4:
            arch = api.random_arch()
        else:
            _, parent = max(random.choice(list(population)) for _ in range(3))
            arch = api.mutate(parent)
            assert arch != parent
            population.popleft()
        accuracy, _, _, total = api.simulate_train_eval(arch, "cifar10", hp=hp)
        assert accuracy in of_either_seed(api, arch, SHORT if use_proxy else LAST)
        population.append((accuracy, arch))
        history.append((accuracy, arch))
    assert api.query_index_by_arch(max(history)[1]) == COUNT - 1


def test_bandits_train_for_some_epochs(api):
    """AutoDL-Projects, bohb.py: budgets of 1 to 12 epochs of the short recipe."""
    found = []
    for budget in (1.33, 4.0, 12.0):
        accuracy, _, seconds, _ = api.simulate_train_eval(
            3, "cifar10", iepoch=int(budget) - 1, hp="12"
        )
        assert accuracy in of_either_seed(api, 3, int(budget))
        found.append(seconds)
    assert found == pytest.approx([13 * epochs / LAST for epochs in (1, 4, 12)])


def test_correlation_of_early_epochs(api):
    """AutoDL-Projects, test-correlation.py: True and False stand where ``hp`` does."""
    early = [api.get_more_info(i, "cifar10-valid", 5, True, False) for i, _ in enumerate(api)]
    full = [api.get_more_info(i, "cifar10", None, False, False) for i, _ in enumerate(api)]
    for i in range(COUNT):
        assert early[i]["valid-accuracy"] == pytest.approx(smooth(api, i, 6))
        assert full[i]["test-accuracy"] == pytest.approx(smooth(api, i))
    last = [api.get_more_info(i, "cifar10-valid", 11, True, False) for i in range(COUNT)]
    assert last == [api.get_more_info(i, "cifar10-valid", None, True, False) for i in range(COUNT)]


def test_local_search(api):
    """naszilla: losses from all trials of an index, and a neighbourhood."""

    def loss(arch):
        trials = api.query_by_index(api.query_index_by_arch(arch), "cifar10-valid")
        return 100 - np.mean([trials[key].get_eval("x-valid")["accuracy"] for key in trials])

    here, seen = api.random_arch(), 0
    while True:
        best = min(api.neighbours(here), key=loss)
        if loss(best) >= loss(here):
            break
        here, seen = best, seen + 1
    assert seen
    assert 100 - loss(here) == pytest.approx(max(smooth(api, i) for i in range(COUNT)))


def test_notebooks_over_all_architectures(api):
    """zero-cost-nas: an index for each string, and the value of every early epoch."""
    index = {arch: i for i, arch in enumerate(api)}
    assert len(index) == len(api) == COUNT
    for arch, i in index.items():
        end = api.get_more_info(i, "cifar10-valid", iepoch=None, hp="200", is_random=False)
        assert end["valid-accuracy"] == pytest.approx(smooth(api, arch))
        for epoch in (0, 19, 40):
            info = api.get_more_info(i, "cifar100", iepoch=epoch, hp="200", is_random=False)
            iteration = max(1, (epoch + 1) * LAST // 200)
            known = api.bench.query(
                arch, "chest", "inpaint", fidelity=LOW, seed=None, iteration=iteration
            )
            assert info["valtest-accuracy"] == pytest.approx(known.psnr_smooth_db)


def test_results_out_of_memory(api):
    """AZ-NAS: results by budget, their metrics and costs."""
    values = []
    for arch in list(api):
        index = api.query_index_by_arch(arch)
        api._prepare_info(index)
        results = api.arch2infos_dict[index]["200"]
        metrics = results.get_metrics("cifar100", "x-test", iepoch=None, is_random=False)
        values.append(metrics["accuracy"])
        costs = results.get_compute_costs("cifar100")
        assert costs["params"] == pytest.approx(api.get_cost_info(index, "cifar100")["params"])
        assert costs["flops"] > 0
    best = int(np.argmax(values))
    assert api.find_best("cifar100", "x-test", hp="200")[0] == best
    assert api.query_by_arch(list(api)[best], "200").startswith(api[best])


def test_evolution_with_a_score(api):
    """GradSign: mutants by their score, the recipe's end, and the network of an index."""
    torch = pytest.importorskip("torch")
    arch = api.random_arch()
    mutants = [api.mutate(arch) for _ in range(10)]
    assert arch not in mutants
    uid = max(api.query_index_by_arch(one) for one in mutants)
    info = api.query_meta_info_by_index(uid, hp="200").get_metrics("cifar10", "ori-test")
    assert info["accuracy"] == pytest.approx(smooth(api, uid))
    spent = api.get_more_info(uid, "cifar10-valid", iepoch=None, hp="12", is_random=True)
    assert spent["train-all-time"] + spent["valid-per-time"] == pytest.approx(
        (10 + uid) * SHORT / LAST
    )
    config = api.get_net_config(uid, "cifar10-valid")
    config["num_classes"] = 1
    network = api.bench.build(config["arch_str"], logits=True)
    assert network(torch.rand(1, 1, 64, 64)).shape == (1, config["num_classes"], 64, 64)
    child = api.query_index_by_arch(api.mutate(config["arch_str"]))
    assert child != uid
