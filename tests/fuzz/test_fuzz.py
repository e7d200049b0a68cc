"""Damaged releases, and any manifest and table by Hypothesis: a right answer or a clear error."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from nasdip_bench import NASDIPBench
from nasdip_bench.dataset import MANIFEST, Manifest
from nasdip_bench.dataset.schema import RELEASE_TABLES
from nasdip_bench.errors import DatasetError, NasdipError
from nasdip_bench.storage.sealed_json import read_sealed, sealed_text
from nasdip_bench.verify.tables import find_problems
from tests import synthetic

FIDELITY = "r64c16i40"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inside: (
        st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside, max_size=3)
    ),
    max_leaves=8,
)


def questions(path: Path) -> dict[str, Callable[[], Any]]:
    """What is asked, by name; the first opens the dataset."""
    opened: list[NASDIPBench] = []

    def bench() -> NASDIPBench:
        if not opened:
            opened.append(NASDIPBench(path))
        return opened[0]

    def distances() -> Any:
        found = bench().distances("denoise")
        return found, [found.between(0, seed) for seed in found.seeds.tolist()]

    tables = ("images", "runs", "corruptions", "scores", "stops", "reruns")
    return {
        "open": lambda: (repr(bench()).replace(str(path), ""), vars(bench().manifest)),
        "architectures": lambda: [*map(str, bench())],
        "query": lambda: bench().query(0, "lena", "denoise"),
        "query a seed": lambda: bench().query(1, "boat", "inpaint", seed=0),
        "query an iteration": lambda: bench().query(2, "chest", "denoise", iteration=3),
        "curve": lambda: bench().curve(1, "lena", "denoise"),
        "curves": lambda: bench().curves("inpaint"),
        "curves of another task": lambda: bench().curves("denoise"),
        "observables": lambda: bench().observables(1, "lena", "denoise"),
        "distances": distances,
        "scores": lambda: bench().scores(1, "boat", "denoise"),
        "scores of a seed": lambda: bench().scores(1, "boat", "denoise", seed=0),
        "single values of scores": lambda: bench().score_values(),
        **{f"table of {name}": lambda name=name: bench().to_arrow(name) for name in tables},
        "best": lambda: bench().top_k("denoise", k=2),
        "coverage": lambda: bench().coverage(),
        "kendall": lambda: bench().kendall("denoise"),
        "isnas": lambda: bench().isnas("lena", "denoise", "psd_db_mse", n=2),
        "isnas curve": lambda: bench().isnas_curve("denoise", n=2),
        "overlap": lambda: bench().overlap("inpaint", k=2),
    }


def plain(found: Any) -> Any:
    """An answer with all of its numbers, which the text of large arrays and tables leaves out."""
    if isinstance(found, pa.Table):
        return found.to_pylist()
    if isinstance(found, pd.DataFrame):
        return found.to_csv()
    if isinstance(found, np.ndarray):
        return found.tolist()
    if isinstance(found, dict):
        return {name: plain(value) for name, value in found.items()}
    return [plain(one) for one in found] if isinstance(found, tuple | list) else found


def answers(path: Path) -> dict[str, str]:
    """Each answer as text, "DatasetError" for one."""
    found = {}
    for name, question in questions(path).items():
        try:
            found[name] = repr(plain(question()))
        except DatasetError:
            found[name] = "DatasetError"
    return found


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """A small release with files of all kinds."""
    path = tmp_path_factory.mktemp("release") / "data"
    synthetic.write_release(path, count=3, fidelities=(FIDELITY,), seeds={FIDELITY: (0, 1)})
    return synthetic.add_distances(path, FIDELITY, "denoise")


def damaged(content: bytes, source: random.Random) -> bytes:
    """Other bytes: bits turned, cut, a stretch zeroed, repeated, overwritten or removed."""
    at = source.randrange(len(content))
    length = source.choice([1, 8, 64, 512])
    kind = source.randrange(8)
    changed = bytearray(content)
    if kind < 3:
        for _ in range(source.choice([1, 1, 1, 4])):
            changed[source.randrange(len(content))] ^= 1 << source.randrange(8)
    elif kind == 3:
        changed = changed[:at]
    elif kind == 4:
        changed[at : at + length] = bytes(len(changed[at : at + length]))
    elif kind == 5:
        changed[at:at] = changed[at : at + length]
    elif kind == 6:
        changed[at : at + length] = source.randbytes(len(changed[at : at + length]))
    else:
        del changed[at : at + length]
    if changed == content:
        changed[at] ^= 1
    return bytes(changed)


@pytest.mark.parametrize("cases", [20, pytest.param(500, marks=pytest.mark.slow)])
def test_of_a_damaged_release_every_answer_is_right_or_refused(release, tmp_path, cases):
    """Every file in turn."""
    source, right = random.Random(cases), answers(release)
    assert "DatasetError" not in right.values()
    names = sorted(f.relative_to(release).as_posix() for f in release.rglob("*") if f.is_file())
    for case in range(cases):
        name, path = names[case % len(names)], tmp_path / "data"
        shutil.copytree(release, path)
        (path / name).write_bytes(damaged((path / name).read_bytes(), source))
        found = answers(path)
        assert "DatasetError" in found.values() or not name.endswith(".parquet"), name
        wrong = {q: a for q, a in found.items() if a not in ("DatasetError", right[q])}
        assert wrong == {}, name
        shutil.rmtree(path)


def test_the_answers_tell_a_wrong_number(release, tmp_path):
    """What a reader would answer if it did not look at the hashes."""

    def wrong(rows):
        rows[0]["best_psnr_smooth_db"] += 1

    right = answers(release)
    path = shutil.copytree(release, tmp_path / "data")
    found = answers(synthetic.change_rows(path, "runs", wrong))
    assert {q for q, a in found.items() if a != right[q]} >= {"query", "table of runs"}


@given(data=st.data())
@settings(max_examples=100)
def test_any_change_of_a_manifest_is_refused(release, data):
    text = (release / MANIFEST).read_text()
    fields = json.loads(text)
    holder, name = fields, data.draw(st.sampled_from(sorted(fields)))
    while isinstance(holder[name], dict) and holder[name] and data.draw(st.booleans()):
        holder = holder[name]
        name = data.draw(st.sampled_from(sorted(holder)))
    before, holder[name] = holder[name], data.draw(JSON)
    assume(json.dumps(holder[name]) != json.dumps(before))
    with pytest.raises(DatasetError):
        Manifest.from_json(json.dumps(fields), "here")


@given(text=st.text() | st.binary().map(lambda b: b.decode("latin-1")))
def test_any_text_is_no_manifest(text):
    with pytest.raises(DatasetError):
        Manifest.from_json(text, "here")


@given(fields=st.dictionaries(st.text(), JSON), place=st.integers(0), bit=st.integers(0, 7))
def test_a_seal_is_broken_by_any_change_of_content(fields, place, bit):
    fields.pop("sha256", None)
    text = sealed_text(fields)
    turned = bytearray(text.encode())
    turned[place % len(turned)] ^= 1 << bit
    try:
        found = read_sealed(turned.decode())
    except ValueError:
        return
    assert json.dumps(found, sort_keys=True) == json.dumps(fields, sort_keys=True) or (
        b'"sha256"' not in turned  # the name of the seal itself: an unknown field, refused later
    )


VALUES = {
    "int32": st.integers(-(2**31), 2**31 - 1) | st.integers(-2, 50),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(width=32),
    "double": st.floats(),
    "string": st.text(max_size=20) | st.sampled_from(["lena", "denoise", "ok", "none", "failed"]),
    "bool": st.booleans(),
}


@given(data=st.data())
@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
def test_any_values_in_a_table_are_answered_or_refused(release, tmp_path_factory, data):
    path = tmp_path_factory.mktemp("values") / "data"
    shutil.copytree(release, path)
    name = data.draw(st.sampled_from([*RELEASE_TABLES]))
    table = pq.read_table(path / f"{name}.parquet")
    rows = table.to_pylist()
    for _ in range(data.draw(st.integers(1, 4))):
        field = data.draw(st.sampled_from(list(table.schema)))
        values = VALUES[str(field.type)]
        row = data.draw(st.integers(0, len(rows) - 1))
        rows[row][field.name] = data.draw(values | st.none() if field.nullable else values)
    synthetic.write_table(path, name, rows)
    synthetic.rehash(path)
    assert all(isinstance(problem, str) for problem in find_problems(path))
    for question in questions(path).values():
        with suppress(NasdipError):
            question()
    shutil.rmtree(path.parent)
