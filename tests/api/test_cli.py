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

from nasdip_bench import NASDIPBench, __version__
from nasdip_bench.api import cli
from tests import synthetic

LOW = "r64c16i40"
COMMAND = Path(sys.executable).parent / "nasdip-bench"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return synthetic.write_release(
        tmp_path_factory.mktemp("cli") / "data",
        fidelities=("r64", LOW),
        missing={("r64", "denoise", 5, "lena", 0), ("r64", "denoise", 5, "lena", 1)},
        diverged={(LOW, "denoise", 3, "lena", 0)},
    )


@pytest.fixture
def call(monkeypatch, capsys, data):
    """Runs the command in this process: (exit status, stdout, stderr)."""

    def run(*arguments, folder=data):
        where = () if folder is None else ("--data", str(folder))
        monkeypatch.setattr(sys, "argv", ["nasdip-bench", *map(str, arguments), *where])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return run


def test_the_version(call):
    assert call("--version", folder=None) == (0, f"nasdip-bench {__version__}\n", "")


def test_help_is_plain_and_lists_the_commands(call):
    status, out, _ = call("--help", folder=None)
    assert status == 0
    for name in (
        *("info", "query", "curve", "cost", "best", "statistics", "coverage", "verify"),
        *("table", "figure", "kendall", "overlap"),
    ):
        assert f"  {name} " in out
    assert "╭" not in out
    assert call("query", "-h", folder=None)[0] == 0


def test_info(call):
    status, out, _ = call("info")
    assert status == 0
    assert "dataset synthetic, release 1 of 2025-01-01" in out
    assert "3 images (nasdip): lena, chest, boat" in out
    assert "denoise: 600 iterations" in out  # no seed is complete at r64, so it is not the default
    assert "seed 0: 35 of 36 runs (97.2%), seed 1: 35 of 36 runs (97.2%)" in out
    assert "denoise [default]: 40 iterations, stop at 40; seed 0: 36 of 36 runs (100.0%)" in out
    assert "; scores of 12 architectures" in out


def test_query_as_text_and_json(call, data):
    bench = NASDIPBench(data)
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


def test_tables(call, tmp_path):
    text = ("--format", "text")
    status, out, _ = call("table", 1, *text)
    assert status == 0
    assert out.startswith("Table 1 (denoise)")
    assert "fidelity r64c16i40" in out
    other = ("--task", "inpaint", "--target", "seconds", "--seed", 1, "--all")
    out = call("table", 1, *other, *text)[1]
    assert "Table 1 (inpaint)" in out
    assert "Target seconds; fidelity r64 " in out
    assert "seed 1;" in out
    assert "parameters" in out
    assert call("table", 1, "--format", "latex")[1].startswith("\\begin{table*}")
    content = call("table", 1, "--format", "csv")[1]
    assert call("table", 1, "--out", tmp_path / "t.csv")[1] == f"written: {tmp_path / 't.csv'}\n"
    assert (tmp_path / "t.csv").read_text() == content
    call("table", 1, "--out", tmp_path / "t.tex", "--format", "latex")
    assert (tmp_path / "t.tex").read_text().startswith("\\begin")


def test_figures(call, tmp_path):
    pytest.importorskip("matplotlib")
    status, out, _ = call("figure", 1, "--k", 3, "--format", "text")
    assert status == 0
    assert out.startswith("Figure 1 (denoise)")
    starts = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml", ".csv": b"image,lena"}
    for suffix, start in starts.items():
        path = tmp_path / f"f{suffix}"
        assert call("figure", 1, "--k", 3, "--out", path)[:2] == (0, f"written: {path}\n")
        assert path.read_bytes().startswith(start)


def test_statistics_as_csv(call, data, tmp_path):
    bench = NASDIPBench(data)
    rows = list(csv.DictReader(io.StringIO(call("kendall", "--task", "denoise")[1])))
    assert [row["image"] for row in rows] == [*bench.images, "(mean)"]
    assert float(rows[1]["psd_db_mse/corrupted"]) == pytest.approx(-1)
    taus = [float(row["psd_db_mse/corrupted"]) for row in rows]
    assert taus[-1] == pytest.approx(sum(taus[:-1]) / 3)
    assert call("kendall")[1] == call("kendall", "--task", "denoise")[1]
    rows = list(csv.reader(io.StringIO(call("overlap", "-k", 3)[1])))
    assert rows == [
        ["image", "lena", "chest", "boat"],
        ["lena", "3", "0", "2"],
        ["chest", "0", "3", "0"],
        ["boat", "2", "0", "3"],
    ]
    rows = list(csv.DictReader(io.StringIO(call("coverage")[1])))
    assert len(rows) == len(bench.coverage())
    assert rows[0] == {
        "fidelity": "r64",
        "task": "denoise",
        "image": "lena",
        "seed": "0",
        "expected": "12",
        "ok": "11",
        "diverged": "0",
        "failed": "0",
        "missing": "1",
    }
    call("coverage", "--out", tmp_path / "c.csv")
    assert (tmp_path / "c.csv").read_text() == call("coverage")[1]


def test_verify_tells_by_its_exit_status(call, data, tmp_path):
    assert call("verify") == (0, f"{data}: no problems\n", "")
    broken = synthetic.write_release(tmp_path / "data", count=2, fidelities=(LOW,))
    (broken / "runs.parquet").write_bytes(b"")
    status, out, err = call("verify", folder=broken)
    assert status == 1
    assert "runs.parquet" in out
    assert err == f"{broken}: 1 problem\n"
    assert call("verify", folder=tmp_path)[0] == 2  # there is none


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("table", "7"), "unknown table '7'. Available: 1 (Kendall's tau between PSNR and"),
        (("figure", "7"), "unknown figure '7'. Available: 1 (how many of their best"),
        (("table", "1", "--format", "html"), "unknown format 'html'. Available: text, csv, latex"),
        (("table", "1", "--out", "t.html"), "cannot tell the form of 't.html' from its ending"),
        (
            ("table", "1", "--format", "csv", "--out", "t.tex"),
            "--format csv does not go with --out",
        ),
        (("figure", "1", "--format", "text", "--out", "f.png"), "--format text does not go with"),
        (("best", "--out", "b.png"), "form of 'b.png' from its ending; it can be written as .csv"),
        (("coverage", "--out", "c"), "cannot tell the form of 'c' from its ending"),
        (("report", "--out", "r.pdf"), "it can be written as .html, .htm"),
        (("table", "1", "--out", "no/t.csv"), "cannot write 'no/t.csv': No such file"),
        (("figure", "1", "-k", "99"), "k 99 must be a whole number from 1 to 12"),
        (("query", "0", "--image", "lenna"), "unknown image 'lenna'. Did you mean 'lena'?"),
        (("query", "99", "--image", "lena"), "no architecture in row 99"),
        (("query", "x", "--image", "lena"), "'x' is not an architecture"),
        (("query", "5", "--image", "lena", "--fidelity", "r64"), "no run of architecture"),
        (("query", "0", "--image", "lena", "--seed", "x"), "Invalid value for '--seed'"),
        (("query",), "Missing argument 'arch'. nasdip-bench query --help shows how."),
        (
            ("query", "0", "lena"),
            "'--image': options are --image lena --task denoise --data FOLDER ...",
        ),
        (("query", "0", "--image", "denoise"), "'denoise' is a task, where an image belongs"),
        (("kendall", "denoise"), "(denoise): options are --image lena --task denoise"),
        (("kendall", "--task", "lena"), "'lena' is an image, where a task belongs"),
        (("kendall", "--image", "inpaint"), "'inpaint' is a task, where an image belongs"),
        (("kendall", "--target", "psnr"), "unknown target 'psnr'"),
        (
            ("kendall", "--format", "latex"),
            "unknown format 'latex'. Did you mean 'text'? Available: text, csv.",
        ),
        (("kendall", "--format", "csv", "--out", "t.txt"), "--format csv does not go with --out"),
        (
            ("agreement", "--between", "images", "--image", "lena"),
            "--between images compares images: --image lena names fewer",
        ),
        (("verify", "x"), "(x): options are --data FOLDER ..."),
        (("bogus",), "No such command 'bogus'. Available: info, kendall,"),
        (("info", "--bogus"), "No such option: --bogus. Available: --data."),
    ],
)
def test_mistakes_are_one_line_and_status_2(call, arguments, text):
    status, out, err = call(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("nasdip-bench: ")
    assert text in err
    assert err.count("\n") == 1


def test_a_folder_without_a_dataset_is_one_line_and_status_2(call, tmp_path):
    status, out, err = call("info", folder=tmp_path)
    assert (status, out) == (2, "")
    assert "no dataset in" in err
    assert err.count("\n") == 1


def test_ctrl_c_exits_130(call, monkeypatch):
    def interrupt(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "NASDIPBench", interrupt)
    assert call("info")[0] == 130


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (("coverage",), 0),  # less than Python's buffer holds: written when all is printed
        (("stopping", "--resamples", "0"), 1),  # more: written by click, whose status 1 is
    ],
)
def test_a_reader_that_goes_away_is_no_error(data, command, status):
    """`| head` is quiet."""
    reader, writer = os.pipe()
    os.close(reader)
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        [COMMAND, *command, "--data", data],
        env=buffered,
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=60,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (status, b"")


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


def test_the_installed_command_runs(data):
    done = subprocess.run(
        [COMMAND, "info", "--data", data], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "12 architectures" in done.stdout


def test_a_bare_command_shows_its_help(monkeypatch, capsys):
    for arguments, said in (([], "Commands:"), (["leaderboard"], "scores")):
        monkeypatch.setattr(sys, "argv", ["nasdip-bench", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        assert (ended.value.code, err) == (0, "")
        assert said in out
