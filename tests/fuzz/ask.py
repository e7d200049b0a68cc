"""Questions to a dataset: an answer, or one clear error. Runs in a forked process.

ask FOLDER...       asks each, and prints a JSON line of answers and complaints
command FOLDER ...  runs nasdip-bench with the rest of the arguments on the folder
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nasdip_bench.api.benchmark import NASDIPBench
from nasdip_bench.errors import DatasetError, NasdipError

MEMORY_BYTES = 6 * 2**30
"""What a reader may take before it counts as an attack that succeeded."""

COMMANDS = (
    ("info",),
    ("query", "0", "--image=lena"),
    ("query", "1", "--image=boat", "--task=inpaint", "--seed=0", "--iteration=3"),
    ("curve", "1", "--image=lena"),
    ("coverage",),
    ("best", "--k=2"),
    ("kendall",),
    ("overlap", "--k=2"),
    ("table", "1"),
    ("replay", "--cohort=2"),
)


def questions(path: Path) -> dict[str, Callable[[], Any]]:
    """What is asked, by name; the first opens the dataset."""
    opened: list[NASDIPBench] = []

    def bench() -> NASDIPBench:
        if not opened:
            opened.append(NASDIPBench(path))
        return opened[0]

    def curve(*key: Any) -> Any:
        found = bench().curve(*key)
        return [values.tolist() for values in found[:4]], found[4:]

    def observables() -> Any:
        found = bench().observables(1, "lena", "denoise")
        return {name: values.tolist() for name, values in found.values_db.items()}, found[2:]

    def all_curves(task: str) -> Any:
        found = bench().curves(task)
        return [values.tolist() for values in found[:4]]

    def distances(task: str) -> Any:
        found = bench().distances(task)
        squares = [found.between(0, seed).tolist() for seed in found.seeds.tolist()]
        return [array.tolist() for array in found], squares

    def table(name: Any) -> Any:
        return bench().to_arrow(name).to_pylist()

    return {
        "open": lambda: (repr(bench()).replace(str(path), ""), vars(bench().manifest)),
        "architectures": lambda: [*map(str, bench())],
        "query": lambda: bench().query(0, "lena", "denoise"),
        "query a seed": lambda: bench().query(1, "boat", "inpaint", seed=0),
        "query an iteration": lambda: bench().query(2, "chest", "denoise", iteration=3),
        "curve": lambda: curve(1, "lena", "denoise"),
        "curves": lambda: all_curves("inpaint"),
        "curves of another task": lambda: all_curves("denoise"),
        "observables": observables,
        "distances": lambda: distances("denoise"),
        "scores": lambda: bench().scores(1, "boat", "denoise"),
        "scores of a seed": lambda: bench().scores(1, "boat", "denoise", seed=0),
        "single values of scores": lambda: bench().score_values().tolist(),
        "table of images": lambda: table("images"),
        "table of runs": lambda: table("runs"),
        "table of corruptions": lambda: table("corruptions"),
        "table of scores": lambda: table("scores"),
        "table of stops": lambda: table("stops"),
        "table of reruns": lambda: table("reruns"),
        "best": lambda: bench().top_k("denoise", k=2),
        "coverage": lambda: bench().coverage().to_csv(),
        "kendall": lambda: bench().kendall("denoise").to_csv(),
        "isnas": lambda: bench().isnas("lena", "denoise", "psd_db_mse", n=2),
        "isnas curve": lambda: bench().isnas_curve("denoise", n=2).to_csv(),
        "overlap": lambda: bench().overlap("inpaint", k=2).to_csv(),
    }


def answers(path: Path) -> dict[str, str]:
    """Each answer as text; of an error its kind, and "complaint" before what is not ours."""
    found = {}
    for name, question in questions(path).items():
        try:
            found[name] = repr(question())
        except DatasetError:
            found[name] = "DatasetError"
        except NasdipError as error:
            found[name] = f"NasdipError {type(error).__name__}: {error}"
        except Exception as error:  # what the suite looks for
            found[name] = f"complaint: {type(error).__name__}: {error}"
    return found


def ask(*folders: str) -> None:
    """Print the answers of each folder."""
    _limit()
    for folder in folders:
        sys.stdout.write(json.dumps(answers(Path(folder))) + "\n")


def command(folder: str, *arguments: str) -> int:
    """Run a command on a folder."""
    _limit()
    from nasdip_bench.api.cli import app
    from nasdip_bench.console.app import run

    sys.argv = ["nasdip-bench", *arguments, f"--data={folder}"]
    return run("nasdip-bench", app)


def _limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, hard))


def warm_up() -> None:
    """Import everything and ask a sound dataset once: all questions have answers there."""
    import tempfile

    from tests.fuzz.damage import sound

    with tempfile.TemporaryDirectory() as folder:
        path = sound(Path(folder) / "data")
        answers(path)
        for arguments in COMMANDS:
            assert command(str(path), *arguments) == 0, arguments
