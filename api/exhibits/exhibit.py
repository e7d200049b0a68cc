"""What tables and figures have in common: the forms they can be written in.

Drawing, in `nasdip_bench.api.exhibits.drawing` and the modules that use it, needs matplotlib; text,
CSV and LaTeX do not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from nasdip_bench.errors import ConfigError
from nasdip_bench.storage.files import atomic_path, write_atomic

__all__ = ["FORMS", "Exhibit", "check_ending", "write_text"]

FORMS = {"text": ".txt", "csv": ".csv", "latex": ".tex"}
"""Forms that are text, with the ending of their files."""
ENDINGS = (".png", ".pdf", *FORMS.values())
"""Of the files that an exhibit can be written to; the first two are pictures."""


class Exhibit(ABC):
    """A table or a figure made from a release."""

    @abstractmethod
    def text(self) -> str:
        """For a terminal."""

    @abstractmethod
    def csv(self) -> str:
        """For programs: numbers in full."""

    @abstractmethod
    def latex(self) -> str:
        """A float for a LaTeX document."""

    @abstractmethod
    def draw(self, path: Path, form: str) -> None:
        """Write a picture.

        Args:
            path: file to write.
            form: "png" or "pdf".

        Raises:
            MissingDependencyError: matplotlib is not installed.
        """

    def written(self, form: str) -> str:
        """Its content in one of `FORMS`."""
        return {"text": self.text, "csv": self.csv, "latex": self.latex}[form]()

    def save(self, path: Path | str) -> None:
        """Write it in the form that the file's ending asks for, whole or not at all.

        Args:
            path: .png or .pdf (needs matplotlib), .txt, .csv or .tex.

        Raises:
            ConfigError: another ending, or a file that cannot be written.
            MissingDependencyError: a picture without matplotlib.
        """
        target = Path(path)
        check_ending(target, ENDINGS)
        suffix = target.suffix.lower()
        for form, ending in FORMS.items():
            if suffix == ending:
                write_text(target, self.written(form))
                return
        try:
            with atomic_path(target) as aside:
                self.draw(aside, suffix[1:])
        except OSError as error:
            raise _unwritable(target, error) from error


def check_ending(path: Path, endings: Sequence[str]) -> None:
    """Refuse a file whose ending says that something else is in it.

    Raises:
        ConfigError: it has none of the endings.
    """
    if path.suffix.lower() not in endings:
        raise ConfigError(
            f"cannot tell the form of {str(path)!r} from its ending; it can be written as "
            f"{', '.join(endings)}"
        )


def write_text(path: Path, content: str) -> None:
    """Write a text file, whole or not at all.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        write_atomic(path, content.encode())
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"cannot write {str(path)!r}: {error.strerror}; name a file in a folder that exists and "
        f"that you may write to"
    )
