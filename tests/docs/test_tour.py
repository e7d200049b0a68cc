"""The tour runs, says what is true, and is the notebook."""

from __future__ import annotations

import ast
import json

import pytest

from tests.docs.pages import ROOT, text_of
from tests.tools.tour import NOTEBOOK, cells

CELLS = cells(text_of("tour"))


@pytest.fixture(scope="module")
def shown() -> dict[str, object]:
    """What each code cell shows, by its last line, and the names that are left."""
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    names: dict[str, object] = {}
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        for kind, source in CELLS:
            if kind == "code":
                *body, last = ast.parse(source).body
                shows = isinstance(last, ast.Expr)
                exec(compile(ast.Module(body if shows else [*body, last], []), "", "exec"), names)
                if shows:
                    value = eval(compile(ast.Expression(last.value), "", "eval"), names)
                    found[source.splitlines()[-1]] = value
    pyplot.close("all")
    return found | names


def test_what_it_says_of_the_data_is_so(shown):
    spread = shown['on_lena["stopped_psnr_smooth_db"].describe()']
    assert round(spread["max"] - spread["50%"]) == 1
    assert round(spread["max"] - spread["min"]) == 5
    tau = shown["board"]["tau_signed"]
    assert tau["sampling mean"].item() > tau["psd_db_strip_mse", "corrupted"]
    lost = shown["bench"].stopping_table("denoise", resamples=0).xs("(mean)", level="image")
    lost_db = {rule.partition("(")[0]: one for rule, one in lost["lost_db"].items()}
    assert lost_db["discrepancy"] < lost_db["fixed"]


def test_figures_are_drawn(shown):
    figures = [value for value in shown.values() if hasattr(value, "_repr_png_")]
    assert len(figures) == 5
    assert all(figure._repr_png_()[:4] == b"\x89PNG" for figure in figures)


def test_the_notebook_is_the_page():
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert [(one["cell_type"], "".join(one["source"])) for one in notebook["cells"]] == CELLS
    outputs = [output for one in notebook["cells"] for output in one.get("outputs", [])]
    assert len(outputs) >= sum(kind == "code" for kind, _ in CELLS)
    assert not [output for output in outputs if output["output_type"] in ("error", "stream")]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 6
