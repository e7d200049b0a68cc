"""Arrays kept in ``.npz`` files, of which a damaged one counts as missing."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .files import write_atomic


def write_npz(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays, or numbers, to a file; when this returns, it is on disk."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_atomic(path, buffer.getvalue())


def read_npz(path: Path) -> dict[str, NDArray[Any]] | None:
    """The arrays in a file, or None if there is no file or it is damaged."""
    try:
        content = io.BytesIO(path.read_bytes())
        with np.load(content, allow_pickle=False) as file:  # noqa: TID251
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile):
        return None
