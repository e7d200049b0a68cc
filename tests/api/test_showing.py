"""How results look: on one line, in a notebook, as frames and drawings."""

from __future__ import annotations

import re
import sys

import numpy as np
import pandas as pd
import pytest

from nasdip_bench.api import figure1, table1
from nasdip_bench.api.exhibits import exhibit
from nasdip_bench.api.reading.records.run import RunRecord
from nasdip_bench.errors import ConfigError, MissingDependencyError, UnknownNameError
from nasdip_bench.network import build_network
from nasdip_bench.observables import OBSERVABLES
from tests.synthetic import LOW


def cells(html: str) -> list[list[str]]:
    """The text of a table's cells, by row."""
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", html, re.DOTALL)
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]


def test_a_record_has_six_digits_and_no_trailing_nones(bench):
    record = bench.query(2, "boat", "denoise")._replace(final_psnr_db=22.94503021240234)
    assert repr(record).startswith(f"RunRecord(arch_id=2, architecture='{bench[2]}', image='boat'")
    assert "final_psnr_db=22.945, " in repr(record)
    assert "seeds=(0, 1)" in repr(record)
    assert "None" not in repr(record)
    assert (
        "psnr_db=" in repr(bench.query(2, "boat", "denoise", iteration=3)).split("iteration=3")[1]
    )
    table = dict(row for row in cells(record._repr_html_())[1:])
    assert [*table] == [*RunRecord._fields[: RunRecord._fields.index("iteration")]]
    assert table["final_psnr_db"] == "22.945"
    assert "seeds=(0,)" in repr(bench.query(2, "boat", "denoise", seed=0))
    named = record._replace(image="<b>boat</b>")
    assert "&lt;b&gt;boat&lt;/b&gt;" in named._repr_html_()


def test_every_result_shows_itself(bench):
    results = (
        *(bench.curve(0, "lena", "denoise"), bench.curves("denoise"), bench.cost(0, "denoise")),
        *(bench.observables(0, "lena", "denoise"), bench.find_best("denoise")),
        *(bench.replicates(0, "lena", "denoise"), bench.scores(0, "lena", "denoise")),
    )
    for result in results:
        assert len(repr(result)) < 2000
        assert "array(" not in repr(result)
        assert cells(result._repr_html_())


def test_replicates_are_a_column_a_seed(bench):
    found = bench.replicates(1, "lena", "inpaint", fidelity="r64")
    head, *rows = cells(found._repr_html_())
    assert head == ["", "mean", "std", "seed 0", "seed 1"]
    assert [row[0] for row in rows] == [*found.mean]


def test_a_ranking_is_a_tuple_that_shows_a_table(bench):
    ranking = bench.top_k("denoise", k=3, images="lena")
    assert ranking == tuple(ranking)
    assert [one.rank for one in ranking] == [1, 2, 3]
    head, *lines = repr(ranking).splitlines()[1:]
    assert head.split()[:4] == ["rank", "arch_id", "architecture", "value"]
    assert [int(line.split()[1]) for line in lines] == [one.arch_id for one in ranking]
    assert "denoise on lena" in repr(ranking)
    assert [row[2] for row in cells(ranking._repr_html_())[1:]] == [o.architecture for o in ranking]
    frame = ranking.to_frame()
    assert frame.index.tolist() == [1, 2, 3]
    assert frame["value"].tolist() == [one.value for one in ranking]


@pytest.mark.parametrize("method", ["curve", "observables"])
def test_curves_and_observables_as_frames_and_drawn(bench, method):
    figures = pytest.importorskip("matplotlib.figure")
    record = getattr(bench, method)(0, "lena", "denoise")
    if method == "curve":
        columns = {name: getattr(record, name) for name in record._fields[1:4]}
        drawn = [record.psnr_db, record.psnr_smooth_db]
    else:
        columns, drawn = record.values_db, [*record.values_db.values()]
        assert [*columns] == [*OBSERVABLES]
    frame = record.to_frame()
    pd.testing.assert_frame_equal(
        frame, pd.DataFrame(columns, index=pd.Index(record.iterations, name="iteration"))
    )
    assert frame.attrs == {
        name: getattr(record, name) for name in record._fields[-len(frame.attrs) :]
    }
    assert {"architecture", "fidelity"} <= {*frame.attrs}
    axes = figures.Figure().subplots()
    assert record.plot(axes) is axes
    np.testing.assert_array_equal([line.get_ydata() for line in axes.get_lines()], drawn)
    assert axes.get_xlabel() == "iteration"
    assert "denoise, lena" in axes.get_title()


def test_a_curve_draws_itself_a_figure(bench, monkeypatch):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    axes = bench.curve(0, "lena", "denoise").plot()
    assert pyplot.fignum_exists(axes.figure.number)
    pyplot.close(axes.figure)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingDependencyError, match=r"pip install '\.\[figures\]'"):
        bench.curve(0, "lena", "denoise").plot()


def test_tables_and_figures_of_the_paper_show_themselves(bench):
    table, figure = table1(bench), figure1(bench, k=3)
    for one, html in ((table, table._repr_html_()), (figure, figure.html_table())):
        assert cells(html) == [*map(list, one.heads()), *map(list, one.body())]
        assert one.caption.split(":")[0] in html


def test_a_figure_shows_its_picture_and_without_matplotlib_its_table(bench, monkeypatch):
    figure = figure1(bench, k=3)
    monkeypatch.setattr(exhibit, "find_spec", lambda name: None)
    assert (figure._repr_html_(), figure._repr_png_()) == (figure.html_table(), None)
    monkeypatch.undo()
    pytest.importorskip("matplotlib")
    assert figure._repr_html_() is None
    assert figure._repr_png_()[:4] == b"\x89PNG"


def test_architectures_at_a_fidelity_have_its_parameters_and_operations(bench):
    """Never the 128 channels of the table on disk beside a PSNR at 16."""
    at = {name: bench.to_frame("architectures", fidelity=name) for name in bench.fidelities}
    for name, frame in at.items():
        for row in (0, 7):
            cost = bench.cost(row, "denoise", fidelity=name)
            assert frame["parameters"][row] == cost.parameters
            assert frame["flops_per_iteration"][row] == cost.flops_per_iteration
    network = build_network(bench[0], channels=16)
    assert at[LOW]["parameters"][0] == sum(p.numel() for p in network.parameters())
    best = bench.find_best("denoise", images="lena", fidelity=LOW)
    assert best.parameters == at[LOW]["parameters"][best.arch_id]
    both = bench.to_frame("runs").merge(pd.concat(at.values()), on=["arch_id", "fidelity"])
    assert len(both) == len(bench.to_frame("runs"))


def test_sizes_among_the_scores_are_those_of_the_fidelity(shipped):
    for fidelity in shipped.fidelities:
        frame = shipped.to_frame("architectures", fidelity=fidelity)
        for row in shipped.evaluated("denoise", image="lena", fidelity=fidelity)[:5]:
            scores = shipped.scores(row, "lena", "denoise", fidelity=fidelity)
            assert scores["parameters/none"] == frame["parameters"][row]
            assert 3 * scores["flops/none"] == frame["flops_per_iteration"][row]


def test_a_fidelity_that_frames_cannot_have(bench):
    with pytest.raises(UnknownNameError, match="unknown fidelity 'r65'. Did you mean 'r64'"):
        bench.to_frame("architectures", fidelity="r65")
    with pytest.raises(ConfigError, match="fidelity 'r64' means nothing for 'runs', whose rows"):
        bench.to_frame("runs", fidelity="r64")


def test_what_there_is(bench):
    assert bench.seeds == (0, 1)
    assert bench.default_fidelity == {
        task: bench.query(0, "lena", task).fidelity for task in bench.tasks
    }
    keys = {key for task in bench.tasks for key in bench.scores(0, "lena", task)}
    assert {*bench.proxies} == keys
    assert len(bench.proxies) == len(keys)
