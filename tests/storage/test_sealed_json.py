"""A sealed JSON object is read back, and nothing else in its place."""

import pytest

from nasdip_bench.storage.sealed_json import read_sealed, sealed_text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "Expecting property name"),
        ("[]", "it is no JSON object"),
        (sealed_text({"a": 1}).replace('"a": 1', '"a": 2'), "content is not what its sha256 says"),
    ],
)
def test_a_text_that_is_no_sealed_object_is_refused(text, problem):
    with pytest.raises(ValueError, match=problem):
        read_sealed(text)


def test_a_sealed_object_is_read_back():
    assert read_sealed(sealed_text({"a": [1, "b"]})) == {"a": [1, "b"]}
