"""Wrong calls: what they are told."""

from __future__ import annotations

import copy
import pickle

import pytest

from nasdip_bench import NASDIPBench
from nasdip_bench.api import compare, run_search
from nasdip_bench.api.adapters.nasbench201 import create
from nasdip_bench.api.calls import explain_calls
from nasdip_bench.errors import CallError, ConfigError, MissingRunError, UnknownNameError
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


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "told"),
    [
        ("find_best", ("lena", "denoise"), {}, r"find_best\('lena', 'denoise'\) cannot be called"),
        ("find_best", ("denoise", "lena"), {}, r"It is find_best\(task, \*, target=None, images="),
        ("find_best", ("lena",), {"task": "denoise"}, r"find_best\('lena', task='denoise'\)"),
        ("kendall", ("denoise",), {"image": "lena"}, "Did you mean images="),
        ("query", (0, "lena"), {}, r"It is query\(arch, image, task, \*, fidelity=None, seed="),
        ("query", (0, "lena", "denoise"), {"fidelty": "r64"}, "Did you mean fidelity="),
        ("query", (0, "lena", "denoise", "r64"), {}, r"names after \* are given by keyword"),
        ("simulator", ("lena", "denoise"), {"budget": 9}, "Did you mean budget_seconds="),
        ("kendall", (), {}, r"kendall\(\) cannot be called\. It is kendall\(task"),
    ],
)
def test_wrong_arguments_are_told_the_right_ones(bench, name, args, kwargs, told):
    with pytest.raises(CallError, match=told) as caught:
        getattr(bench, name)(*args, **kwargs)
    assert isinstance(caught.value, TypeError)
    assert caught.value.__context__ is None


def test_an_error_inside_a_method_stays_as_it_is():
    @explain_calls
    class Calls:
        def fails(self, value):
            return len(value)

    with pytest.raises(TypeError, match=r"object of type 'int' has no len\(\)") as caught:
        Calls().fails(3)
    assert not isinstance(caught.value, CallError)
    assert Calls().fails("abc") == 3


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


def test_constructors_and_functions_are_told_too(bench):
    with pytest.raises(CallError, match=r"NASDIPBench\('data', verbose=True\) .*NASDIPBench\(path"):
        NASDIPBench("data", verbose=True)
    with pytest.raises(CallError, match=r"compare\(<NASDIPBench>, 'denoise', image='lena'\).*s="):
        compare(bench, "denoise", image="lena")
    with pytest.raises(CallError, match=r"train\(0, epochs=4\) cannot .* train\(arch, iterations="):
        bench.simulator("lena", "denoise").train(0, epochs=4)
    with pytest.raises(CallError, match="NASBench201API.*Did you mean verbose="):
        create(bench, verbos=True)
    with pytest.raises(ConfigError, match="is not a simulator: bench.simulator"):
        run_search(bench, "random")


def test_the_api_of_nasbench201_can_be_pickled(bench):
    api = create(bench, dataset="lena-denoise", hps={"12": 10})
    again = pickle.loads(pickle.dumps(api))  # noqa: S301 - our own
    assert again.get_more_info(1, "lena-denoise", hp="12") == api.get_more_info(
        1, "lena-denoise", hp="12"
    )
