"""Wrong calls: what they are told."""

from __future__ import annotations

import copy
import pickle

import pytest

from nasdip_bench import NASDIPBench
from nasdip_bench.api import compare
from nasdip_bench.api.adapters.nasbench201 import create
from nasdip_bench.errors import ConfigError, MissingRunError, UnknownNameError
from tests import synthetic
from tests.synthetic import LOW


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> NASDIPBench:
    path = synthetic.write_release(
        tmp_path_factory.mktemp("calls") / "data",
        fidelities=(LOW,),
        seeds={LOW: (0,)},
        missing={(LOW, "denoise", 3, "lena", 0)},
    )
    return NASDIPBench(synthetic.add_distances(path, LOW, "denoise"))


def test_a_score_is_found_by_its_name_alone(bench):
    found = bench.scores(0, "lena", "denoise")
    assert found["psd_db_mse"] == found["psd_db_mse/corrupted"]
    assert found["psd_99_bandwidth"] == found["psd_99_bandwidth/none"]
    assert "psd_db_mse" not in found
    assert copy.copy(found) == found
    assert "psd_db_mse/corrupted" in found._repr_html_()
    with pytest.raises(UnknownNameError, match="unknown score 'psd'. Did you mean 'psd_db_mse/"):
        found["psd"]


def test_two_seeds_at_once_are_told_of_replicates(bench):
    with pytest.raises(UnknownNameError, match=r"bench\.replicates\(\.\.\.\) has the runs of each"):
        bench.query(0, "lena", "denoise", seed=[0, 1])


def test_a_search_is_told_where_to_search(bench):
    sim = bench.simulator("lena", "denoise")
    with pytest.raises(MissingRunError, match=r"A search takes those in 'sim\.space'"):
        sim.train(3)


def test_a_budget_that_trains_nothing_is_refused(bench):
    with pytest.raises(ConfigError, match="too short to train any architecture to the stop"):
        compare(bench, "denoise", images=["lena"], budget_seconds=1e-9, repeats=1)


def test_the_api_of_nasbench201_can_be_pickled(bench):
    api = create(bench, dataset="lena-denoise", hps={"12": 10})
    again = pickle.loads(pickle.dumps(api))  # noqa: S301 - our own
    assert again.get_more_info(1, "lena-denoise", hp="12") == api.get_more_info(
        1, "lena-denoise", hp="12"
    )
