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
from dataclasses import dataclass, field
from pathlib import Path

from nasdip_bench.verify import verify
from tests.faults.warm import TRACEBACK, Ended, Warm
from tests.fuzz.ask import COMMANDS
from tests.fuzz.damage import (
    Cases,
    damaged,
    files,
    hostile_curves,
    hostile_distances,
    hostile_manifests,
    hostile_observables,
    hostile_score_values,
    hostile_tables,
    sound,
)

_SECONDS = 60


@dataclass
class Count:
    """What came of the cases of a kind.

    Attributes:
        cases: how many.
        errors: how many of them gave an error to one question at least.
        problems: what should not have happened, a sentence each.
    """

    cases: int = 0
    errors: int = 0
    problems: list[str] = field(default_factory=list)


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

    def damage(self, count: int) -> Count:
        """Every file in turn, with bits turned, cut, zeroed, repeated, overwritten, removed."""
        total = Count()
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
                total.cases += 1
                wrong = {
                    question: answer
                    for question, answer in found.items()
                    if answer not in ("DatasetError", self.right[question])
                }
                total.errors += "DatasetError" in found.values()
                total.problems += [f"{name}: {q}: {a[:300]}" for q, a in wrong.items()]
            for folder in folders:
                shutil.rmtree(folder)
        return total

    # Hostile releases

    def hostile(self, count: int, make: Callable[[Path, random.Random], Cases]) -> Count:
        """The first cases of a kind, and commands on some of them."""
        total = Count()
        template = self.copy()
        cases = make(template, self.random)
        for number in range(count):
            called, spoil = next(cases)
            spoil()
            running = self.warm.start("tests.fuzz.ask:ask", template)
            ended = self.warm.wait(running, _SECONDS)
            total.cases += 1
            if self._died(total, called, ended):
                found = json.loads(ended.out)
                total.errors += any("rror" in answer[:12] for answer in found.values())
                bad = {q: a for q, a in found.items() if a.startswith("complaint")}
                total.problems += [f"{called}: {q}: {a[:300]}" for q, a in bad.items()]
            self._command(total, called, template, COMMANDS[number % len(COMMANDS)])
            self._restore(template)
        return total

    def verified(self, count: int) -> Count:
        """Hostile files in the hands of `verify`: sentences, and never more."""
        total = Count()
        template = self.copy()
        makers = (
            hostile_manifests,
            hostile_tables,
            hostile_curves,
            hostile_observables,
            hostile_distances,
            hostile_score_values,
        )
        kinds = [make(template, self.random) for make in makers]
        for number in range(count):
            called, spoil = next(kinds[number % len(kinds)])
            spoil()
            total.cases += 1
            try:
                total.errors += bool(verify(template, seconds=_SECONDS))
            except Exception as error:  # what the suite looks for
                total.problems.append(f"verify, {called}: {type(error).__name__}: {error}")
            self._restore(template)
        return total

    def _command(self, total: Count, called: str, path: Path, arguments: tuple[str, ...]) -> None:
        running = self.warm.start("tests.fuzz.ask:command", path, *arguments)
        ended = self.warm.wait(running, _SECONDS)
        if self._died(total, f"{called}, nasdip-bench {arguments[0]}", ended) and ended.status:
            lines = [line for line in ended.err.splitlines() if line.startswith("nasdip-bench:")]
            if ended.status != 2 or len(lines) != 1:
                total.problems.append(f"{called}, {arguments}: {ended.status} {ended.err[:300]}")

    def _died(self, total: Count, called: str, ended: Ended) -> bool:
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


KINDS: dict[str, tuple[Callable[[Arena, int], Count], int]] = {
    "damaged files, every file of a release in turn": (Arena.damage, 5000),
    "hostile manifests": (lambda arena, n: arena.hostile(n, hostile_manifests), 1000),
    "hostile tables, hashes consistent": (lambda arena, n: arena.hostile(n, hostile_tables), 600),
    "hostile curves, hashes consistent": (lambda arena, n: arena.hostile(n, hostile_curves), 500),
    "hostile observables, hashes consistent": (
        lambda arena, n: arena.hostile(n, hostile_observables),
        300,
    ),
    "hostile distances, hashes consistent": (
        lambda arena, n: arena.hostile(n, hostile_distances),
        500,
    ),
    "hostile values of scores, hashes consistent": (
        lambda arena, n: arena.hostile(n, hostile_score_values),
        300,
    ),
    "hostile files of all kinds, verified": (Arena.verified, 100),
}
"""By name: the function, and the number of cases of a whole campaign."""
