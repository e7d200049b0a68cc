"""The commands best, statistics, curve and cost on a synthetic release."""

from __future__ import annotations

import csv
import io
import json
import sys

import pytest

from nasdip_bench import NASDIPBench
from nasdip_bench.api import cli
from tests import synthetic

LOW = "r64c16i40"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return synthetic.write_release(
        tmp_path_factory.mktemp("answers") / "data",
        fidelities=(LOW,),
        seeds={LOW: (0,)},
        diverged={(LOW, "denoise", 3, "lena", 0)},
    )


@pytest.fixture
def call(monkeypatch, capsys, data):
    def run(*arguments):
        command = ["nasdip-bench", *map(str, arguments), "--data", str(data)]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return run


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_best(call, data, tmp_path):
    bench = NASDIPBench(data)
    status, out, _ = call("best", "--image", "lena", "-k", 3)
    assert status == 0
    found = rows(out)
    expected = bench.top_k("denoise", k=3, images="lena")
    assert [int(row["arch_id"]) for row in found] == [one.arch_id for one in expected]
    assert [float(row["value"]) for row in found] == [one.value for one in expected]
    assert found[0]["seeds"] == "0"
    limited = rows(call("best", "--max-seconds", 12, "-k", 1)[1])
    assert limited[0]["candidates"] == "3"
    assert limited[0]["images"] == "(mean)"
    assert call("best", "--out", tmp_path / "best.csv")[1] == f"written: {tmp_path / 'best.csv'}\n"


def test_best_says_what_is_wrong(call):
    status, out, err = call("best", "-k", 99)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert "k 99 must be a whole number from 1 to 11" in err
    assert "unknown image 'lenna'" in call("best", "--image", "lenna")[2]
    assert "the limit of flops, -1.0, must be a number above 0" in call("best", "--max-flops=-1")[2]


def test_statistics_are_by_image_and_over_all(call, data):
    found = rows(call("statistics")[1])
    assert [row["images"] for row in found] == [*synthetic.IMAGES, "(mean)"]
    assert [row["diverged"] for row in found] == ["1", "0", "0", "1"]
    mean = NASDIPBench(data).statistics("denoise", images="chest").mean
    assert float(found[1]["mean"]) == mean


def test_curve(call, data):
    found = rows(call("curve", 4, "--image", "chest")[1])
    curve = NASDIPBench(data).curve(4, "chest", "denoise")
    assert [int(row["iteration"]) for row in found] == curve.iterations.tolist()
    assert [float(row["psnr_smooth_db"]) for row in found] == pytest.approx(curve.psnr_smooth_db)
    diverged = rows(call("curve", 3, "--image", "lena")[1])
    assert diverged[-1]["psnr_db"] == ""


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_a_curve_is_drawn_into_a_file(call, tmp_path, ending):
    pytest.importorskip("matplotlib")
    path = tmp_path / f"curve.{ending}"
    assert call("curve", 4, "--image", "chest", "--out", path) == (0, f"written: {path}\n", "")
    assert path.read_bytes()[:4] in (b"\x89PNG", b"<?xm")
    wrong = call("curve", 4, "--image", "chest", "--out", path, "--format", "csv")
    assert (wrong[0], "--format csv does not go with" in wrong[2]) == (2, True)


def test_cost(call, data):
    status, out, _ = call("cost", 4)
    cost = NASDIPBench(data).cost(4, "denoise")
    assert status == 0
    assert f"parameters               {cost.parameters}\n" in out
    assert "seconds                  14\n" in out
    assert json.loads(call("cost", 4, "--json")[1])["parameters"] == cost.parameters
    assert call("cost", 99)[0] == 2
