"""Options that the commands of ``nasdip-bench`` share, and how they give out what they made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from nasdip_bench.console.options import split
from nasdip_bench.errors import ConfigError, unknown_name

from ..exhibits.exhibit import ENDINGS, FORMS, Exhibit, check_ending, write_text
from ..reading.runs import TARGET

__all__ = [
    "Architecture",
    "DATA",
    "TARGET",
    "Data",
    "FidelityName",
    "Images",
    "Form",
    "Level",
    "Out",
    "Picture",
    "Resamples",
    "Seed",
    "Target",
    "Targets",
    "TaskArgument",
    "TaskName",
    "TopK",
    "check_form",
    "emit",
    "ends_in",
    "image_names",
    "parsed_architecture",
    "show",
    "shown",
]


def ends_in(*endings: str) -> Callable[[Path | None], Path | None]:
    """A check of an option: a file that there is has one of these endings."""

    def checked(value: Path | None) -> Path | None:
        if value is not None:
            check_ending(value, endings)
        return value

    return checked


Data = Annotated[
    Path | None,
    typer.Option(
        "--data", help="Folder of the dataset. Default: ./data, else the one that is installed."
    ),
]
TaskName = Annotated[str, typer.Option("--task", help="denoise, inpaint ...")]
TaskArgument = Annotated[str, typer.Argument(metavar="[TASK]", help="denoise, inpaint ...")]
Target = Annotated[str, typer.Option(help="Column of runs.parquet.")]
FidelityName = Annotated[
    str | None, typer.Option("--fidelity", help="Default: what the release declares.")
]
Seed = Annotated[int | None, typer.Option(help="Default: the release's default seeds.")]
Images = Annotated[
    str, typer.Option("--images", help="Names, comma-separated, or 'all'; means are over these.")
]
Form = Annotated[str, typer.Option("--format", help="text, csv or latex.")]
Picture = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help=".png, .pdf, .txt, .csv or .tex, replaced if it is there; default: print.",
        callback=ends_in(*ENDINGS),
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        help="File to write instead of printing, .csv or .txt, replaced if it is there.",
        callback=ends_in(".csv", ".txt"),
    ),
]
Architecture = Annotated[
    str, typer.Argument(help="Row number, '172-0000011001001001100111101', or a model's name.")
]
Level = Annotated[float, typer.Option(help="Confidence of the intervals.")]
Resamples = Annotated[int, typer.Option(help="Of the bootstrap; 0 makes no intervals.")]
Targets = Annotated[
    str, typer.Option(help="Columns of runs.parquet, comma-separated; 'all': best, stopped, last.")
]
TopK = Annotated[int, typer.Option("--k", "-k", help="How many are the best.")]

DATA = None


def parsed_architecture(text: str) -> int | str:
    """What a user typed for an architecture: a row number, or a code."""
    return int(text) if text.strip().isascii() and text.strip().isdigit() else text


def image_names(text: str) -> list[str] | None:
    """The images, or whatever has names, that an option lists; None for all."""
    return None if text == "all" else split(text)


def shown(value: object) -> str:
    """A value for a terminal."""
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def check_form(form: str, out: Path | None) -> None:
    """Refuse a form that exhibits cannot be written in, or that a file's ending contradicts.

    Raises:
        UnknownNameError: it is none of `FORMS`.
        ConfigError: the file has the ending of another.
    """
    if form and form not in FORMS:
        raise unknown_name("format", form, FORMS)
    if form and out is not None and out.suffix.lower() != FORMS[form]:
        raise ConfigError(
            f"--format {form} does not go with --out {out}: the file's ending says the form, here "
            f"{FORMS[form]}; leave out --format"
        )


def show(exhibit: Exhibit, form: str, out: Path | None) -> None:
    """Print it in the form asked for, or write it in that of the file's ending."""
    if out is None:
        emit(exhibit.written(form or "text"), None)
    else:
        exhibit.save(out)
        print(f"written: {out}")


def emit(content: str, out: Path | None) -> None:
    """Print text, or write it to a file.

    Raises:
        ConfigError: the file cannot be written.
    """
    if out is None:
        print(content, end="")
        return
    write_text(out, content)
    print(f"written: {out}")
