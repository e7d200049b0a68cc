"""``nasdip-bench`` on synthetic releases: what it prints, writes, and how it ends."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nasdip_bench import __version__
from nasdip_bench.api import cli
from tests import synthetic
from tests.synthetic import LOW

COMMAND = Path(sys.executable).parent / "nasdip-bench"


@pytest.fixture(scope="module")
def data(release):
    """At r64 no seed of denoise is complete: the other fidelity is the default."""
    missing = {("r64", "denoise", 5, "lena", seed) for seed in (0, 1)}
    return release(missing=missing, diverged={(LOW, "denoise", 3, "lena", 0)}).path


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_version(run):
    assert run("--version") == (0, f"nasdip-bench {__version__}\n", "")


def test_help_is_plain_and_lists_the_commands_in_whole_sentences(run):
    """A bare command shows it, too."""
    for arguments in ((), ("--help",), ("leaderboard",), ("table",)):
        status, out, err = run(*arguments)
        assert (status, err) == (0, "")
        assert "Commands:" in out
        assert "..." not in out.partition("Commands:")[2]
        assert "╭" not in out
    out = run()[1]
    for name in (
        *("info", "query", "curve", "best", "coverage", "verify"),
        *("table", "figure", "kendall", "overlap"),
    ):
        assert f"  {name} " in out
    assert run("query", "-h")[0] == 0


def test_info(call):
    status, out, _ = call("info")
    assert status == 0
    assert "dataset synthetic, release 1 of 2025-01-01" in out
    assert "3 images (nasdip): lena, chest, boat" in out
    assert "12 architectures\n" in out
    assert "denoise: 600 iterations" in out  # no seed is complete at r64, so it is not the default
    assert "seed 0: 35 of 36 runs (97.2%), seed 1: 35 of 36 runs (97.2%)" in out
    assert "denoise [default]: 40 iterations, stop at 40; seed 0: 36 of 36 runs (100.0%)" in out
    assert "; scores of 12 architectures" in out


def test_query_as_text_and_json(call, bench):
    record = bench.query(2, "boat", "inpaint")
    where = ("--image", "boat", "--task", "inpaint")
    for name in (2, bench[2]):
        status, out, _ = call("query", name, *where, "--json")
        assert status == 0
        assert json.loads(out) == json.loads(json.dumps(record._asdict()))
    status, out, _ = call("query", 2, *where, "--seed", 1, "--iteration", 3)
    fields = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert fields["seeds"] == "1"
    assert fields["iteration"] == "3"
    assert float(fields["psnr_db"]) == pytest.approx(
        bench.query(2, "boat", "inpaint", seed=1, iteration=3).psnr_db, abs=1e-3
    )
    out = call("query", 3, "--image", "lena", "--fidelity", LOW, "--json")[1]
    assert json.loads(out)["status"] == "diverged"
    assert json.loads(out)["best_psnr_db"] is None


def test_best(call, bench):
    for images in ("lena", "lena,boat"):
        found = rows(call("best", "--images", images, "-k", 3)[1])
        expected = bench.top_k("denoise", k=3, images=images.split(","))
        assert [int(row["arch_id"]) for row in found] == [one.arch_id for one in expected]
        assert [float(row["value"]) for row in found] == [one.value for one in expected]
        assert {row["images"] for row in found} == {images.replace(",", " ")}
        assert {row["seeds"] for row in found} == {"0"}
    (limited,) = rows(call("best", "--max-seconds", 12, "-k", 1)[1])
    assert (limited["candidates"], limited["images"]) == ("3", "(mean)")


def test_a_diverged_curve_has_empty_cells(call):
    diverged = rows(call("curve", 3, "--image", "lena")[1])
    assert diverged[-1]["psnr_db"] == ""


@pytest.mark.parametrize(
    ("ending", "command"),
    [("png", ("curve", 4, "--image", "chest")), ("svg", ("figure", 1, "-k", 3))],
)
def test_a_picture_is_drawn_into_a_file(call, tmp_path, command, ending):
    pytest.importorskip("matplotlib")
    paths = [tmp_path / f"{name}.{ending}" for name in "ab"]
    for path in paths:
        assert call(*command, "--out", path) == (0, f"written: {path}\n", "")
    first, second = (path.read_bytes() for path in paths)
    assert first == second  # the same data, the same file
    assert first[:4] in (b"\x89PNG", b"<?xm")


def test_verify_tells_by_its_exit_status(call, run, data, tmp_path):
    assert call("verify") == (0, f"{data}: no problems\n", "")
    broken = synthetic.small(tmp_path / "data", count=2)
    (broken / "runs.parquet").write_bytes(b"")
    status, out, err = run("verify", "--data", broken)
    assert status == 1
    assert "runs.parquet" in out
    assert err == f"{broken}: 1 problem\n"


@pytest.mark.parametrize("command", ["info", "verify"])
def test_a_folder_without_a_dataset_is_one_line_and_status_2(run, tmp_path, command):
    status, out, err = run(command, "--data", tmp_path)
    assert (status, out) == (2, "")
    assert "no dataset in" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("table", "7"), "No such command '7'. Available: 1, 2, 3, best-iteration."),
        (("table", "1", "--format", "html"), "unknown format 'html'. Available: text, csv, latex"),
        (("table", "1", "--out", "t.png"), "'t.png' from its ending; it can be written as .txt,"),
        (("table", "1", "--format=csv", "--out=t.tex"), "--format csv does not go with --out"),
        (("report", "--out", "r.pdf"), "it can be written as .html, .htm"),
        (("table", "1", "--out", "no/t.csv"), "cannot write 'no/t.csv': No such file"),
        (("query", "0", "--image", "lenna"), "unknown image 'lenna'. Did you mean 'lena'?"),
        (("query", "0", "--image", "lena", "--seed", "x"), "--seed 'x' must be a whole number"),
        (("query",), "Missing argument 'arch'. nasdip-bench query --help shows how."),
        (("query", "0", "lena"), "options are --image lena --task denoise --data FOLDER ..."),
        (("kendall", "denoise"), "(denoise): options are --image lena --task denoise"),
        (("kendall", "--format=latex"), "'latex'. Did you mean 'text'? Available: text, csv."),
        (("kendall", "--format", "csv", "--out", "t.txt"), "--format csv does not go with --out"),
        # of the commands that answer
        (("best", "--max-flops=-1"), "the limit of flops, -1.0, must be a number above 0"),
        (("best", "--out", "b.png"), "form of 'b.png' from its ending; it can be written as .csv"),
        # of those of statistics
        (("agreement", "--between", "moons"), "kind of agreement 'moons'"),
        (("agreement", "--between", "seeds", "--seed", "0"), "does not go with"),
        (("agreement", "--between", "fidelities", "--fidelity", "r64"), "does not go with"),
        (("agreement", "--level", "95"), "confidence level 95"),
        (("predictors", "--sizes", "few"), "--sizes 'few' is not a list of numbers"),
        (("stopping", "--out=a.gif"), "cannot tell the form"),
        # of searches
        (("search", "--budget", "1h30"), "budget '1h30' is not a duration"),
        (("search", "--images", ""), "--images '' is empty"),
        (("leaderboard", "search", "--budget", "soon"), "budget 'soon' is not a duration"),
        (("replay", "--score=psd_db_mse,psd"), "unknown score 'psd'"),
        # of tables and figures from experiments
        (("table", "2"), "No such option: --data. Available: --experiments, "),
        # of all
        (("leaderboard",), "No such option: --data. A command comes first: scores, search."),
    ],
)
def test_mistakes_are_one_line_and_status_2(call, arguments, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = call(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("nasdip-bench: ")
    assert text in err
    assert err.count("\n") == 1
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("exhibit", [("table", "2"), ("table", "3"), ("figure", "5")])
def test_what_is_made_of_experiments_needs_them(run, tmp_path, monkeypatch, exhibit):
    monkeypatch.chdir(tmp_path)
    status, out, err = run(*exhibit)
    assert (status, out) == (2, "")
    assert "'builds/experiments' holds no results of experiments" in err


def test_ctrl_c_exits_130(call, monkeypatch):
    def interrupt(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "NASDIPBench", interrupt)
    assert call("info")[0] == 130


def test_a_reader_that_goes_away_is_no_error(data):
    """`| head` is quiet."""
    reader, writer = os.pipe()
    os.close(reader)
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        [COMMAND, "coverage", "--data", data],
        env=buffered,
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=60,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_does_not_fit_is_one_line_and_status_2(data):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [COMMAND, "kendall", "--data", data], stdout=full, stderr=subprocess.PIPE, timeout=60
        )
    told = b"nasdip-bench: cannot write the output: No space left on device\n"
    assert (done.returncode, done.stderr) == (2, told)


def test_another_failure_is_not_called_one_of_the_output(call, monkeypatch):
    def fail(path):
        raise OSError(errno.EIO, "Input/output error", "x.h5")

    monkeypatch.setattr(cli, "NASDIPBench", fail)
    with pytest.raises(OSError, match=r"x\.h5"):
        call("info")


def test_a_terminal_without_a_character_gets_another(data):
    ascii_only = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [COMMAND, "figure", "1", "-k", "3", "--format", "text", "--data", data],
        env=os.environ | ascii_only,
        capture_output=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"by chance (k?/n)" in done.stdout
