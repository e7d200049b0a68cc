"""The exceptions of the package.

Each has two bases: `NasdipError`, so that one ``except`` catches all of ours, and the built-in
exception that callers would expect. Every message names the value, what is allowed and what to do.
This module imports nothing from the package.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable
from numbers import Integral
from typing import TypeVar

_Name = TypeVar("_Name")


class NasdipError(Exception):
    """Base of all exceptions raised on purpose by this package."""


class ArchitectureError(NasdipError, ValueError):
    """An invalid architecture code, or an architecture that cannot be built."""


class ConfigError(NasdipError, ValueError):
    """A setting that is not allowed."""


class IndexOutsideError(ConfigError, IndexError):
    """An architecture row that the dataset does not have."""


class ImageError(NasdipError, ValueError):
    """An image that cannot be read, or does not fit its use."""


class DownloadError(NasdipError, OSError):
    """A file that could not be fetched, or is not the requested one."""


class BuildError(NasdipError, RuntimeError):
    """A build folder that cannot be used for the requested operation."""


class DatasetError(NasdipError, ValueError):
    """A dataset folder that is absent, incomplete, damaged or of another schema version."""


class MissingDependencyError(NasdipError, ImportError):
    """An optional library that the call needs but that is not installed."""


class _LookupError(NasdipError, KeyError):
    def __str__(self) -> str:
        # KeyError shows the repr of its argument, which turns a sentence into a quoted string.
        return str(self.args[0])


class UnknownNameError(_LookupError):
    """An unknown name (image, task, fidelity, score, column ...)."""


class MissingRunError(_LookupError):
    """A run, curve, score or output that the dataset could hold but does not."""


def check_whole(
    name: str,
    value: object,
    least: int,
    most: int | None = None,
    *,
    note: str = "",
    error: type[NasdipError] = ConfigError,
) -> int:
    """Return the value as an int if it is a whole number in range: NumPy's too, but not booleans.

    Args:
        name: what the number is, as the caller of the public function knows it, such as ``"k"``.
        value: the number as given.
        least: the smallest allowed.
        most: the largest allowed; None for no limit.
        note: appended to the message: what the limit is, or what to do.
        error: the exception class to raise.

    Raises:
        ConfigError: not a whole number, or out of range; or ``error``.

    Example:
        >>> check_whole("k", 3, 1, 10)
        3
    """
    if not isinstance(value, bool) and isinstance(value, Integral):
        number = int(value)
        if least <= number and (most is None or number <= most):
            return number
    allowed = f"of at least {least}" if most is None else f"from {least} to {most}"
    raise error(f"{name} {value!r} must be a whole number {allowed}{note}")


def check_name(kind: str, value: _Name, allowed: Collection[object]) -> _Name:
    """Return the value if it is one of the allowed names.

    Args:
        kind: the kind of thing named, such as ``"image"``.
        value: the name as given.
        allowed: all allowed names.

    Raises:
        UnknownNameError: it is not.

    Example:
        >>> check_name("task", "denoise", ["denoise", "inpaint"])
        'denoise'
    """
    if value not in allowed:
        raise unknown_name(kind, value, allowed)
    return value


def unknown_name(kind: str, value: object, allowed: Iterable[object]) -> UnknownNameError:
    """The error for an unknown name, as `check_name` raises it; it suggests the closest ones."""
    names, asked = [str(name) for name in allowed], str(value).lower()
    near = difflib.get_close_matches(asked, [n.lower() for n in names], n=3, cutoff=0.65)
    close = (
        [name for name in names if _words(name) == _words(asked)]
        or [name for name in names if name.lower() in near]
        or [name for name in names if asked and name.lower().startswith(asked)][:3]
    )
    hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
    shown = ", ".join(names[:20]) + (f", ... ({len(names)} in all)" if len(names) > 20 else "")
    return UnknownNameError(f"unknown {kind} {value!r}.{hint} Available: {shown or 'none'}.")


def _words(name: str) -> list[str]:
    """The sorted words of a name, to match names that differ only in word order."""
    return sorted(re.split(r"[^a-z0-9]+", name.lower()))


def not_installed(what: str, library: str, extra: str) -> MissingDependencyError:
    """The error for an optional library.

    Args:
        what: what needs it, such as ``"drawing"``.
        library: name of the library.
        extra: the extra of this package that installs it.
    """
    return MissingDependencyError(
        f"{what} needs {library}, which is not installed: pip install '.[{extra}]' in a copy of "
        f"the repository"
    )


def not_parsed(path: str, error: Exception) -> DatasetError:
    """The error for a dataset file that a parser rejected."""
    return DatasetError(f"{path} cannot be parsed: {error or type(error).__name__}")
