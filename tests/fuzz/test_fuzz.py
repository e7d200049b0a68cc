"""A few spoilt releases of each kind, and any manifest and table by Hypothesis."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nasdip_bench.dataset import MANIFEST, Manifest
from nasdip_bench.dataset.schema import RELEASE_TABLES
from nasdip_bench.errors import DatasetError, NasdipError
from nasdip_bench.storage.sealed_json import parse_json, sealed, unsealed
from nasdip_bench.verify.tables import find_problems
from tests import synthetic
from tests.fuzz.ask import questions
from tests.fuzz.campaign import KINDS, Arena, run_kind
from tests.fuzz.damage import sound

SEED = int(os.environ.get("NASDIP_FAULT_SEED", "0"))
QUICK = {
    "damaged files, every file of a release in turn": 40,
    "hostile manifests, hashes consistent": 8,
    "hostile tables, hashes consistent": 8,
    "hostile curves, hashes consistent": 6,
    "hostile observables, hashes consistent": 6,
    "hostile distances, hashes consistent": 6,
    "hostile values of scores, hashes consistent": 6,
    "hostile files of all kinds, verified": 4,
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inside: (
        st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside, max_size=3)
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def arena(tmp_path_factory) -> Iterator[Arena]:
    arena = Arena(tmp_path_factory.mktemp("fuzz"), SEED)
    yield arena
    arena.close()


@pytest.mark.parametrize("kind", KINDS)
def test_readers_answer_rightly_or_refuse(arena: Arena, kind: str):
    tally = run_kind(arena, kind, QUICK[kind])
    assert tally.problems == [], f"seed {SEED}"
    assert tally.trials == QUICK[kind]
    assert tally.struck > tally.trials // 3


def test_the_suite_sees_a_wrong_number(arena: Arena):
    """What a reader would answer if it did not look at the hashes."""

    def wrong(rows):
        rows[0]["best_psnr_smooth_db"] += 1

    folder = synthetic.change_rows(arena.copy(), "runs", wrong)
    [found] = arena.ask([folder])
    assert {q for q, a in found.items() if a != arena.right[q]} >= {"query", "table of runs"}


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return sound(tmp_path_factory.mktemp("release") / "data")


@given(data=st.data())
@settings(max_examples=100)
def test_any_manifest_is_read_or_refused(release, data):
    fields = unsealed(json.loads((release / MANIFEST).read_text()))
    holder, name = fields, data.draw(st.sampled_from(sorted(fields)))
    while isinstance(holder[name], dict) and holder[name] and data.draw(st.booleans()):
        holder = holder[name]
        name = data.draw(st.sampled_from(sorted(holder)))
    holder[name] = data.draw(JSON)
    try:
        manifest = Manifest.from_json(json.dumps(sealed(fields)), "here")
    except DatasetError:
        return
    again = Manifest.from_json(manifest.to_json(), "here")
    assert again == manifest
    assert all(type(manifest.task(f, t).runs) is int for f in manifest.fidelities
               for t in manifest.fidelities[f]["tasks"])  # fmt: skip


@given(text=st.text() | st.binary().map(lambda b: b.decode("latin-1")))
def test_any_text_is_no_manifest(text):
    with pytest.raises(DatasetError):
        Manifest.from_json(text, "here")


@given(fields=st.dictionaries(st.text(), JSON), place=st.integers(0), bit=st.integers(0, 7))
def test_a_seal_is_broken_by_any_change_of_content(fields, place, bit):
    fields.pop("sha256", None)
    text = json.dumps(sealed(fields))
    turned = bytearray(text.encode())
    turned[place % len(turned)] ^= 1 << bit
    try:
        found = unsealed(parse_json(turned.decode()))
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
