"""Writes the numbers in the text of data/FINDINGS.md, which stand in its tables too.

The text is written by hand; each number in it is found by the words around it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

TASKS = ("denoise", "inpaint")
SCORE = "`psd_db_strip_mse/corrupted`"
STOPPED = "`stopped_psnr_smooth_db`"
_ESTIMATED = ("discrepancy(sigma=estimate)", "neighbour", "fixed")


def text_of(page: str) -> str:
    """The section with the text."""
    return re.search(r"^## What they say so far\n(.*?)^## ", page, re.DOTALL | re.MULTILINE)[1]


def rows(page: str, name: str, *start: str) -> list[list[str]]:
    """The rows of a table whose first cells are these."""
    block = re.search(rf"<!-- {name} -->(.*?)<!-- /{name} -->", page, re.DOTALL)[1]
    cells = [line[2:-2].split(" | ") for line in block.splitlines() if line.startswith("| ")][1:]
    return [row for row in cells if row[: len(start)] == list(start)]


def numbers(page: str) -> dict[str, list[str]]:
    """By the words around them, with a group for each number: the numbers of the tables."""

    def cell(column: int, name: str, *start: str) -> str:
        [found] = rows(page, name, *start)
        return found[column].split()[0]  # without its interval

    def of_tasks(column: int, name: str, *start: str) -> list[str]:
        return [cell(column, name, task, *start) for task in TASKS]

    basis = rows(page, "basis")
    counts = [row[5].split(" of ") for row in basis]
    having = sorted((count for count, _ in counts), key=int)
    sampling = [rows(page, "attributes", task, "`sampling`")[0] for task in TASKS]
    scored = [*of_tasks(2, "taus", SCORE), *of_tasks(3, "taus", SCORE)]
    choosing = [of_tasks(column, "choosing", SCORE) for column in (3, 4, 5, 6)]
    agreeing = sum(float(row[2].split()[0]) * float(row[3]) > 0 for row in rows(page, "paper"))
    raw = [
        [
            [row[3].split()[0], row[4].split()[0]]
            for row in rows(page, "beginnings", task)
            if row[2] == "raw"
        ]
        for task in TASKS
    ]
    lost = {rule: cell(4, "stops", "denoise", f"`{rule}`") for rule in _ESTIMATED}
    return {
        r"Seed (0) covers all (\d+) architectures, seed (1) the first (\d+) and (\d+),": [
            "0",
            having[-1],
            "1",
            *of_tasks(6, "gain", STOPPED),
        ],
        r"at (\d+ x \d+) pixels and (\d+) ch": basis[0][2].split(", "),
        r"explains (\d+) % and (\d+) % of the variance": [
            f"{100 * float(row[2].split()[0]):.0f}" for row in sampling
        ],
        r"shuffle is (\S+) and (\S+) dB below": [
            re.search(r"pixel_shuffle -(\S+)", row[4])[1] for row in sampling
        ],
        r"All (\d+) have the paper's sign": [str(agreeing)]
        * (agreeing == len(rows(page, "paper"))),
        r"has tau (\S+) and (\S+), but (\S+) and (\S+) within one kind": scored,
        r"seeds agree with (\S+) and (\S+) there": of_tasks(4, "seeds"),
        r"ranks a network with tau (\S+) and (\S+):": of_tasks(
            3, "predictors", "`sampling mean`", "10"
        ),
        r"(\S+) and (\S+) over the best score": of_tasks(4, "predictors", "`sampling mean`", "10"),
        r"other images, it has (\S+) and (\S+)\.": of_tasks(2, "trivial", "`sampling mean`"),
        r"on (200) networks reaches (\S+) and (\S+)\.": [
            "200",
            *of_tasks(5, "predictors", "`ridge`", "200"),
        ],
        r"number of parameters has (\S+) and (\S+)\.": of_tasks(3, "taus", "`parameters/none`"),
        r"first is (\S+) and (\S+) dB below": choosing[0],
        r"a random one (\S+) and (\S+); the": choosing[1],
        r"best of its first five (\S+) and (\S+),": choosing[2],
        r"of five random ones (\S+) and (\S+)\.": choosing[3],
        r"over fifty trainings is at (\S+) and (\S+) dB": of_tasks(5, "searches", "random"),
        r"it is (\S+) and (\S+) dB from transfer": of_tasks(5, "searches", f"isnas {SCORE[1:-1]}"),
        r"random networks (\S+) and (\S+)\.": of_tasks(5, "searches", "isnas random"),
        r"one image with tau (\S+) and (\S+),": of_tasks(2, "gain", STOPPED),
        r"two with (\S+) and (\S+)\.": of_tasks(3, "gain", STOPPED),
        r"choosing by it gains (\S+) and (\S+) dB": of_tasks(5, "gain", STOPPED),
        r"with tau (\S+) and (\S+), within one kind (\S+) and (\S+)\.": [
            raw[task][1][column] for column in (0, 1) for task in (0, 1)
        ],
        r"estimates the noise, loses (\S+) dB,": [lost["discrepancy(sigma=estimate)"]],
        r"neighbour rule (\S+),": [lost["neighbour"]],
        r"fixed stop (\S+)\.": [lost["fixed"]],
        r"end, which loses (\S+) dB": [cell(4, "stops", "inpaint", "`last`")],
    }


def with_numbers(page: str, numbers: Mapping[str, Sequence[str]]) -> str:
    """The page with other numbers in its text.

    Raises:
        ValueError: the text does not have the words once, or the tables not as many numbers.
    """
    before = text = text_of(page)
    for words, values in numbers.items():
        found = [*re.finditer(words.replace(" ", r"\s+"), text)]
        if len(found) != 1 or len(found[0].groups()) != len(values):
            raise ValueError(f"the text has {words!r} {len(found)} times; the numbers are {values}")
        for group in range(len(values), 0, -1):
            low, high = found[0].span(group)
            text = text[:low] + values[group - 1] + text[high:]
    return page.replace(before, text)
