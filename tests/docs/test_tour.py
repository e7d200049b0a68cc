"""The tour runs, says what is true, and is the notebook."""

from __future__ import annotations

import json

import pytest

from tests.docs.pages import ROOT, text_of
from tests.tools.tour import NOTEBOOK, cells

CELLS = cells(text_of("tour"))


def test_it_runs_and_what_it_says_of_the_data_is_so(monkeypatch: pytest.MonkeyPatch):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    monkeypatch.chdir(ROOT)
    shown: dict = {}
    for kind, source in CELLS:
        if kind == "code":
            exec(source, shown)
    pyplot.close("all")
    spread = shown["on_lena"]["stopped_psnr_smooth_db"].describe()
    assert round(spread["max"] - spread["50%"]) == 1
    assert round(spread["max"] - spread["min"]) == 5
    tau = shown["board"]["tau_signed"]
    assert tau["sampling mean"].item() > tau["psd_db_strip_mse", "corrupted"]
    lost = shown["bench"].stopping_table("denoise", resamples=0).xs("(mean)", level="image")
    lost_db = {rule.partition("(")[0]: one for rule, one in lost["lost_db"].items()}
    assert lost_db["discrepancy"] < lost_db["fixed"]


def test_the_notebook_is_the_page():
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert [(one["cell_type"], "".join(one["source"])) for one in notebook["cells"]] == CELLS
    outputs = [output for one in notebook["cells"] for output in one.get("outputs", [])]
    assert len(outputs) >= sum(kind == "code" for kind, _ in CELLS)
    assert not [output for output in outputs if output["output_type"] in ("error", "stream")]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 6
