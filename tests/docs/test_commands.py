"""The commands of the pages run, cut short where they would take long."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from nasdip_bench.api.gallery import folder as gallery
from tests.builds import COMMAND
from tests.docs.pages import ROOT, commands, run_line, text_of

SHORT_BUILD = "--tasks=denoise --iterations=2 --scoring-inits=1 --workers=1 --device=cpu"
APPENDED = {
    "nasdip-build --images all|nasdip-build --fidelity .* --seeds": (
        "--image-set skimage --scoring-inits 1 --dry-run"
    ),
    "nasdip-build --architectures mine": f"--image-set=skimage --images=camera {SHORT_BUILD}",
    "nasdip-build --image-set user": f"--architectures=1 {SHORT_BUILD}",
    "nasdip-build experiments --sets (skimage|user)": (
        "--dry-run --crop 64 --candidates 8 --device cpu"
    ),
    "nasdip-restore": (
        "--candidates 3 --cohort 2 --scoring-inits 1 --iterations 3 --cohort-iterations 2 "
        "--channels 16"
    ),
    "nasdip-bench paper": "-k 3 --repeats 1",
    "nasdip-bench figure 1": "-k 3",
    "nasdip-bench (leaderboard|predictors)": "--images lena,boat",
}
"""By the beginning of a command: the options that shorten it."""

ABSENT = r"--images-dir DIR|builds/experiments"
"""Images and results that are not in the repository: a command stops where it needs them."""


def of_page(page: str) -> list[str]:
    text = text_of(page)
    if page == "README":
        assert commands(text)[:2] == ["make bench", "make test"]
        return commands(text)[2:]
    if page == "build":  # the rest has no small form
        return commands(text[text.index("### Add architectures") : text.index("### Add scores")])
    in_tables = re.findall(r"^\|.*", text, re.M) if page in ("paper", "statistics") else []
    found = commands(text) + re.findall(r"`(nasdip-bench [^`]+)`", "\n".join(in_tables))
    return [line for line in found if not line.startswith("pip ")]


@pytest.mark.parametrize(
    ("page", "count"),
    [
        ("README", 9),
        ("build", 5),
        ("paper", 13),
        ("query", 2),
        ("restore", 5),
        ("search", 4),
        ("statistics", 12),
    ],
)
def test_commands(page: str, count: int, workplace: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gallery, "ENDINGS", (".csv",))  # the gallery's tests draw
    found = of_page(page)
    assert len(found) == count
    if page == "README":  # the build that it releases
        of_folder = " ".join([*COMMAND, "--scoring-inits=1", "--workers=1"])
        assert run_line(workplace, f"nasdip-build {of_folder} --out=builds/nasdip")[0] == 0
    home = workplace / "paper" if page == "paper" else workplace
    for line in found:
        more = [options for start, options in APPENDED.items() if re.match(start, line)]
        status, out, err = run_line(home, " ".join([line, *more]))
        if re.search(ABSENT, line):
            assert (status, out) == (2, ""), line
            assert re.search("there is no images folder|holds no results of experiments", err), line
            continue
        assert (status, bool(out)) == (0, True), f"{line}: {err}"
        if made := re.search(r"--out (\S+)", line):
            assert (home / made[1]).exists()
            assert not made[1].endswith(".png") or (home / made[1]).read_bytes()[1:4] == b"PNG"
        if page == "restore":
            folder = home / f"{Path(line.split()[1]).stem}-restored"
            for file in re.findall(r"^\| `(\w+\.\w+)` \|", text_of(page), re.MULTILINE):
                assert (folder / file).exists()
            shutil.rmtree(folder)  # two commands restore one photograph
    if page == "paper":  # its builds are dry runs
        assert not (home / "builds").exists()


def test_the_main_job_in_small(tmp_path: Path):
    """The recipe of `make bench` with fewer architectures and iterations, in its own folder."""
    recipe = subprocess.run(
        ["make", "--dry-run", "--always-make", "bench", f"BENCH={tmp_path}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.replace("\\\n", " ")
    lines = [line for line in recipe.splitlines() if "/nasdip-b" in line]
    assert len(lines) >= 5
    for line in lines:
        command = re.sub(r"--architectures \d+", "--architectures 3", line)
        command = re.sub(
            r"--iterations \d+", "--iterations 2 --workers=1 --scoring-inits=1", command
        )
        command = re.sub("figure 1|overlap", r"\g<0> -k 2", command)
        status, _, err = run_line(tmp_path, re.sub(r"^\S*/", "", command))
        assert status == 0, err
    assert (tmp_path / "figure1.png").exists()
