"""What a hostile HDF5 file may have in the place of an array that readers ask for."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

Change = Callable[[h5py.File], None]


def changed(content: bytes, change: Change) -> bytes:
    """The content of a file after a change."""
    file_like = io.BytesIO(content)
    with h5py.File(file_like, "r+") as file:
        change(file)
    return file_like.getvalue()


def await_next_second() -> None:
    """HDF5 would note seconds."""
    before = int(time.time())
    while int(time.time()) == before:
        time.sleep(0.02)


def replaced(name: str, data: Any = None, **options: Any) -> Change:
    """Another array, or the same values stored in another way."""

    def change(file: h5py.File) -> None:
        values = file[name][:] if data is None and "shape" not in options else data
        del file[name]
        file.create_dataset(name, data=values, **options)

    return change


def of_values(name: str, change: Callable[[np.ndarray], Any]) -> Change:
    """An array of other values or of another shape."""
    return lambda file: replaced(name, data=change(file[name][:]))(file)


def changes(name: str, other: str) -> dict[str, tuple[Change, str]]:
    """Changes of any array, with what a reader says of each.

    Args:
        name: of the array.
        other: another array of the file.
    """
    link, kind = "is not an array in the file itself", f"{name} is not an array of .* with . axes"
    return {
        "an external link": (_linked(name, h5py.ExternalLink("/etc/passwd", name)), link),
        "a soft link": (_linked(name, h5py.SoftLink(f"/{other}")), link),
        "a link to itself": (_linked(name, h5py.SoftLink(f"/{name}")), link),
        "no array": (lambda file: file.__delitem__(name), "cannot be parsed"),
        "a virtual data set": (_virtual(name), f"{name} takes its values from other files"),
        "external storage": (_external(name), f"{name} takes its values from other files"),
        "a group": (_group(name), kind),
        "objects": (replaced(name, data=[["a"]], dtype=h5py.string_dtype()), kind),
        "floats": (replaced(name, dtype=np.float64), kind),
        "big-endian": (lambda file: _big_endian(file, name), kind),
        "a scalar": (replaced(name, data=np.uint16(1)), kind),
        "an axis more": (of_values(name, lambda values: values[None]), kind),
        "an axis less": (of_values(name, lambda values: values[0]), kind),
        "another filter": (replaced(name, compression="lzf"), "filters other than shuffle and gz"),
        "a checksum": (replaced(name, fletcher32=True), "filters other than shuffle and gzip"),
        "a chunk of a gigabyte": (_endless_chunk(name), f"{name} is stored in chunks .*2097152"),
    }


def _big_endian(file: h5py.File, name: str) -> None:
    replaced(name, dtype=file[name].dtype.newbyteorder(">"))(file)


def _linked(name: str, link: Any) -> Change:
    def change(file: h5py.File) -> None:
        del file[name]
        file[name] = link

    return change


def _virtual(name: str) -> Change:
    def change(file: h5py.File) -> None:
        shape, kind = file[name].shape, file[name].dtype
        del file[name]
        layout = h5py.VirtualLayout(shape=shape, dtype=kind)
        layout[:] = h5py.VirtualSource("/etc/passwd", name, shape=shape)
        file.create_virtual_dataset(name, layout)

    return change


def _external(name: str) -> Change:
    def change(file: h5py.File) -> None:
        shape, kind = file[name].shape, file[name].dtype
        del file[name]
        file.create_dataset(name, shape, kind, external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])

    return change


def _group(name: str) -> Change:
    def change(file: h5py.File) -> None:
        del file[name]
        file.create_group(name)

    return change


def _endless_chunk(name: str) -> Change:
    def change(file: h5py.File) -> None:
        shape, kind = file[name].shape, file[name].dtype
        del file[name]
        chunks = (*(100,) * (len(shape) - 1), 2**21)
        file.create_dataset(name, shape, kind, maxshape=(None,) * len(shape), chunks=chunks)

    return change
