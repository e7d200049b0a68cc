"""The kinds of cases, each with what must hold.

A damaged release, whose hashes do not agree with its files any more, gives the right answer or a
`DatasetError`. A hostile one, whose hashes do, gives an answer or one of our errors; there is no
right answer to compare with. No process hangs, dies or shows a traceback in either case.
"""

from __future__ import annotations

import json
import random
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from nasdip_bench.verify import verify
from tests.faults.warm import TRACEBACK, Ended, Warm
from tests.fuzz.ask import COMMANDS
from tests.fuzz.damage import HOSTILE, damaged, files, sound
from tests.tools.campaigns import Tally

_SECONDS = 60


class Arena:
    """Where releases are spoilt and asked.

    Args:
        folder: to work in.
        seed: of everything that is drawn.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        self.whole = sound(folder / "whole")
        self.warm = Warm(folder / "output", "tests.fuzz.ask:warm_up")
        self.right = self.ask([self.whole])[0]
        assert not [answer for answer in self.right.values() if "rror" in answer[:12]]

    def close(self) -> None:
        """End the process that is forked from."""
        self.warm.close()

    # Damaged releases

    def damage(self, count: int) -> Tally:
        """Every file in turn, with bits turned, cut, zeroed, repeated, overwritten, removed."""
        total = Tally()
        names = files(self.whole)
        for first in range(0, count, 20):
            folders, called = [], []
            for case in range(first, min(first + 20, count)):
                folder, name = self.copy(), names[case % len(names)]
                content = (folder / name).read_bytes()
                (folder / name).write_bytes(damaged(content, self.random))
                folders.append(folder)
                called.append(name)
            for name, found in zip(called, self.ask(folders), strict=True):
                total.trials += 1
                wrong = {
                    question: answer
                    for question, answer in found.items()
                    if answer not in ("DatasetError", self.right[question])
                }
                refused = "DatasetError" in found.values()
                total.struck += refused
                total.expect(refused or not name.endswith(".parquet"), f"{name}: not noticed")
                total.problems += [f"{name}: {q}: {a[:300]}" for q, a in wrong.items()]
            for folder in folders:
                shutil.rmtree(folder)
        return total

    # Hostile releases

    def hostile(self, count: int, kind: str) -> Tally:
        """The first cases of a kind, and a command on each."""
        total = Tally()
        template = self.copy()
        cases = HOSTILE[kind](template, self.random)
        for number in range(count):
            called, spoil = next(cases)
            spoil()
            running = self.warm.start("tests.fuzz.ask:ask", template)
            ended = self.warm.wait(running, _SECONDS)
            total.trials += 1
            if self._lived(total, called, ended):
                found = json.loads(ended.out)
                total.struck += any("rror" in answer[:12] for answer in found.values())
                bad = {q: a for q, a in found.items() if a.startswith("complaint")}
                total.problems += [f"{called}: {q}: {a[:300]}" for q, a in bad.items()]
            self._command(total, called, template, COMMANDS[number % len(COMMANDS)])
            self._restore(template)
        return total

    def verified(self, count: int) -> Tally:
        """Hostile files in the hands of `verify`: sentences, and never more."""
        total = Tally()
        template = self.copy()
        kinds = [make(template, self.random) for make in HOSTILE.values()]
        for number in range(count):
            called, spoil = next(kinds[number % len(kinds)])
            spoil()
            total.trials += 1
            try:
                total.struck += bool(verify(template, seconds=_SECONDS))
            except Exception as error:  # what the suite looks for
                total.problems.append(f"verify, {called}: {type(error).__name__}: {error}")
            self._restore(template)
        return total

    def _command(self, total: Tally, called: str, path: Path, arguments: tuple[str, ...]) -> None:
        running = self.warm.start("tests.fuzz.ask:command", path, *arguments)
        ended = self.warm.wait(running, _SECONDS)
        if self._lived(total, f"{called}, nasdip-bench {arguments[0]}", ended) and ended.status:
            lines = [line for line in ended.err.splitlines() if line.startswith("nasdip-bench:")]
            if ended.status != 2 or len(lines) != 1:
                total.problems.append(f"{called}, {arguments}: {ended.status} {ended.err[:300]}")

    def _lived(self, total: Tally, called: str, ended: Ended) -> bool:
        """Whether a process came to its end by itself; notes a problem unless it did."""
        if ended.status is None:
            total.problems.append(f"{called}: hangs")
        elif ended.status < 0 or TRACEBACK in ended.err:
            total.problems.append(f"{called}: {ended.status} {ended.err[-300:]}")
        else:
            return True
        return False

    # Tools

    def ask(self, folders: list[Path]) -> list[dict[str, str]]:
        """The answers of each dataset."""
        ended = self.warm.run("tests.fuzz.ask:ask", *folders)
        assert ended.status == 0, ended
        return [json.loads(line) for line in ended.out.splitlines()]

    def copy(self) -> Path:
        """A sound release of one's own."""
        folder = Path(tempfile.mkdtemp(dir=self.folder)) / "data"
        return shutil.copytree(self.whole, folder)

    def _restore(self, folder: Path) -> None:
        shutil.rmtree(folder)
        shutil.copytree(self.whole, folder)


KINDS: dict[str, tuple[Callable[[Arena, int], Tally], int]] = {
    "damaged files, every file of a release in turn": (Arena.damage, 5000),
    **{
        f"hostile {kind}, hashes consistent": (partial(Arena.hostile, kind=kind), most)
        for kind, most in {
            "manifests": 1000,
            "tables": 600,
            "curves": 500,
            "observables": 300,
            "distances": 500,
            "values of scores": 300,
        }.items()
    },
    "hostile files of all kinds, verified": (Arena.verified, 100),
}
"""By name: the function, and the number of cases of a whole campaign."""


def run_kind(arena: Arena, name: str, count: int = 0) -> Tally:
    """Run the cases of a kind, all of them unless a number is given."""
    run, most = KINDS[name]
    return run(arena, count or most)
