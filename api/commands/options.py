"""Options and output shared by the commands of ``nasdip-bench``."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from inspect import Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from nasdip_bench.console.app import UsageError
from nasdip_bench.console.options import split
from nasdip_bench.errors import ConfigError, check_name

from ..benchmark import NASDIPBench
from ..exhibits.exhibit import ENDINGS, FORMS, Exhibit, check_ending, check_writable, write_text
from ..exhibits.forms import frame_text
from ..reading.arrays.targets import VERDICT_TARGETS
from ..reading.records.showing import shown

if TYPE_CHECKING:
    import pandas as pd


def ends_in(*endings: str) -> Callable[[Path | None], Path | None]:
    """A callback that checks a file to write: its extension is one of these, its folder exists."""

    def checked(value: Path | None) -> Path | None:
        if value is not None:
            check_ending(value, endings)
            check_writable(value)
        return value

    return checked


Data = Annotated[
    Path | None,
    typer.Option("--data", help="Folder of the dataset. Default: ./data, else the installed one."),
]
Task = Annotated[str, typer.Option("--task", help="denoise, inpaint ...")]
Target = Annotated[str, typer.Option(help="Column of runs.parquet.")]
FidelityName = Annotated[
    str | None, typer.Option("--fidelity", help="Default: the release's default for the task.")
]
Seed = Annotated[int | None, typer.Option(help="Default: the release's default seeds.")]
Images = Annotated[
    str,
    typer.Option(
        "--image",
        "--images",
        help="Names, comma-separated, or 'all'. Means are over these images.",
    ),
]
ImageName = Annotated[str, typer.Option("--image", help="Name of an image.")]
Form = Annotated[
    str,
    typer.Option("--format", help="text, csv or latex. Default: text on a terminal, else csv."),
]
TextForm = Annotated[
    str, typer.Option("--format", help="text or csv. Default: text on a terminal, else csv.")
]
Picture = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="File (.png, .svg, .pdf, .txt, .csv, .tex) to write or replace. Default: print.",
        callback=ends_in(*ENDINGS),
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        help="File (.csv, .txt) to write or replace. Default: print.",
        callback=ends_in(".csv", ".txt"),
    ),
]
Architecture = Annotated[
    str, typer.Argument(help="Row number, '172-0000011001001001100111101', or a model's name.")
]
Within = Annotated[
    bool, typer.Option("--within", help="Compare only architectures with the same sampling.")
]
Level = Annotated[float, typer.Option(help="Confidence level of the intervals.")]
Resamples = Annotated[int, typer.Option(help="Bootstrap resamples; 0 for no intervals.")]
Repeats = Annotated[int, typer.Option(help="Searches on each image and seed.")]
Targets = Annotated[
    str, typer.Option(help="Columns of runs.parquet, comma-separated; 'all': best, stopped, last.")
]
TopK = Annotated[int, typer.Option("--k", "-k", help="Number of best architectures.")]

_FACTS = (
    "architecture", "image", "task", "target", "fidelity", "fidelities", "seeds", "candidates",
)  # fmt: skip


def parsed_architecture(text: str) -> int | str:
    """Read an architecture: a row number, or a code."""
    return int(text) if text.strip().isascii() and text.strip().isdigit() else text


def image_names(text: str) -> list[str] | None:
    """The names that an option lists, of images or others; None for all."""
    return None if text == "all" else split(text)


def measured(targets: str) -> Sequence[str]:
    """The targets that an option lists."""
    return image_names(targets) or VERDICT_TARGETS


def check_form(form: str, out: Path | None, forms: Collection[str] = FORMS) -> None:
    """Reject an unknown format, or one that contradicts the file's extension.

    Raises:
        UnknownNameError: it is not one of the formats.
        ConfigError: the file's extension belongs to another format.
    """
    if form:
        check_name("format", form, forms)
    if form and out is not None and out.suffix.lower() != FORMS[form]:
        raise ConfigError(
            f"--format {form} does not go with --out {out}: the file's ending says the form, here "
            f"{FORMS[form]}; leave out --format"
        )


def show(exhibit: Exhibit, form: str, out: Path | None) -> None:
    """Print an exhibit in a format, or write it in the format of the file's extension."""
    if out is not None:
        exhibit.save(out)
        print(f"written: {out}")
    elif form in ("", "text") and (width := _screen_width()):
        print(exhibit.text(width), end="")
    else:
        print(exhibit.written(form or "csv"), end="")


def _shared(
    task: Task = "denoise",
    images: Images = "all",
    fidelity: FidelityName = None,
    form: Form = "",
    out: Picture = None,
    data: Data = None,
) -> None:
    """The options of all commands that `exhibit_command` makes."""


def exhibit_command(
    exhibit: Callable[..., Exhibit], *, images: bool = True, out: Any = Picture
) -> Callable[[Callable[..., dict[str, Any]]], Callable[..., None]]:
    """Make the command of an exhibit from a function of the options that only it has.

    Args:
        exhibit: function of a release and a task.
        images: whether images can be chosen.
        out: the option ``--out``.

    Returns:
        a decorator of a function that returns keyword arguments of the exhibit.
    """
    shared = dict(signature(_shared, eval_str=True).parameters)
    shared["out"] = shared["out"].replace(annotation=out)
    if not images:
        del shared["images"]

    def decorate(own: Callable[..., dict[str, Any]]) -> Callable[..., None]:
        def command(
            task: str, fidelity: str | None, form: str, out: Path | None, data: Path | None,
            images: str | None = None, **options: Any,
        ) -> None:  # fmt: skip
            check_form(form, out)
            how = own(**options)
            if images is not None:
                how["images"] = image_names(images)
            show(exhibit(NASDIPBench(data), task, fidelity=fidelity, **how), form, out)

        first, *others = shared.values()
        every = Signature([first, *signature(own, eval_str=True).parameters.values(), *others])
        command.__signature__ = every  # type: ignore[attr-defined]
        command.__doc__ = own.__doc__
        return command

    return decorate


def show_frame(
    frame: pd.DataFrame,
    form: str,
    out: Path | None,
    *,
    index: bool = True,
    text: pd.DataFrame | None = None,
) -> None:
    """Print a frame in a format, or write it in the format of the file's extension.

    Args:
        frame: its columns have one level; ``attrs`` holds the set-up of its numbers.
        form: "text", "csv", or "" for text on a terminal and csv elsewhere.
        out: file to write, .csv or .txt.
        index: whether to show the index.
        text: another frame to show as text.
    """
    check_form(form, out, ("text", "csv"))
    width = _screen_width() if out is None else None
    if out is not None:
        form = "csv" if out.suffix.lower() == ".csv" else "text"
    if form == "csv" or not (form or width):
        content = frame.to_csv(index=index, lineterminator="\n")
    else:
        if text is None:
            text = frame if index else frame.set_index(frame.columns[0])
        content = _facts(frame.attrs) + frame_text(text, width)
    if out is None:
        print(content, end="")
    else:
        write_text(out, content)
        print(f"written: {out}")


def _screen_width() -> int | None:
    """Columns of the terminal; None if the output goes elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _facts(facts: Mapping[str, Any]) -> str:
    """A line with the known facts of the set-up."""
    told = [f"{name} {shown(facts[name])}" for name in _FACTS if facts.get(name)]
    return f"{', '.join(told)}\n\n" if told else ""


class _Command(TyperCommand):
    """A command whose errors list its options, and those that replace positional arguments."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except UsageError as error:
            message = error.format_message()
            names = [option for parameter in self.params for option in parameter.opts]
            if message.startswith(("Got unexpected extra", "Missing option")):
                told = " ".join(f"{name} {_EXAMPLES[name]}" for name in _EXAMPLES if name in names)
                raise ConfigError(f"{message.rstrip('.')}: options are {told} ...") from error
            if message.startswith("Missing argument"):
                raise ConfigError(f"{message} {ctx.command_path} --help shows how.") from error
            if message.startswith("No such option"):
                there = ", ".join(name for name in names if name.startswith("--"))
                raise ConfigError(f"{message.partition(' (')[0]}. Available: {there}.") from error
            raise


_EXAMPLES = {"--image": "lena", "--task": "denoise", "--data": "FOLDER"}


def finish(app: typer.Typer) -> None:
    """Show whole first sentences in the list of commands, and a remedy with each error."""
    for command in app.registered_commands:
        text = command.help or command.callback.__doc__ or ""
        command.short_help = text.partition("\n\n")[0]
        command.cls = _Command
    for group in app.registered_groups:
        if group.typer_instance is not None:
            finish(group.typer_instance)
