"""Run our command lines: errors are one line on stderr and exit status 2, no traceback."""

from __future__ import annotations

import errno
import io
import logging
import os
import re
import signal
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from nasdip_bench._version import __version__
from nasdip_bench.errors import ConfigError, NasdipError, not_installed

EXIT_BAD_INPUT = 2
EXIT_MORE_TO_DO = 75
"""The time limit was reached with work left (EX_TEMPFAIL)."""

# What a mistake in the arguments raises: click's ClickException, or the same class in the copy of
# click that newer Typer contains. Typer exports only its subclass BadParameter.
UsageError: Any = typer.BadParameter.__mro__[2]


class _Commands(TyperGroup):
    """A group that lists its commands when asked for an unknown one, or for none."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except UsageError as error:
            message = error.format_message().partition(" (")[0].rstrip(".")
            if self.invoke_without_command or not message.startswith("No such option"):
                raise
            names = ", ".join(self.list_commands(ctx))
            raise ConfigError(f"{message}. A command comes first: {names}.") from error

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except UsageError as error:
            message = error.format_message()
            if "Did you mean" in message:
                raise
            names = ", ".join(self.list_commands(ctx))
            raise ConfigError(f"{message} Available: {names}.") from error


def new_app(help_text: str | None = None) -> typer.Typer:
    """A Typer application that prints plain text and lets exceptions through."""
    return typer.Typer(
        cls=_Commands,
        help=help_text,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def version_option(name: str) -> Any:
    """The option ``--version`` of a command: prints its version and ends it."""

    def show(asked: bool) -> None:
        if asked:
            print(f"{name} {__version__}")
            raise typer.Exit

    return typer.Option("--version", callback=show, is_eager=True, help="Show the version.")


def given(context: typer.Context, parameter: str) -> bool:
    """Whether an option was given on the command line, rather than left at its default."""
    source = context.get_parameter_source(parameter)
    return source is not None and source.name == "COMMANDLINE"


def run(name: str, app: typer.Typer, arguments: Sequence[str] | None = None) -> int:
    """Run an application.

    Args:
        name: name of the command, for error messages.
        app: made by `new_app`.
        arguments: its arguments; None for those of the process.

    Returns:
        the exit status: 0, also after showing help; that of a `typer.Exit`; 2 for bad input; 130
        after Ctrl-C.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # for encodings without "²"
    try:
        status = _run(name, app, [*(sys.argv[1:] if arguments is None else arguments)])
        sys.stdout.flush()
    except OSError as error:
        if error.filename is not None or error.errno not in (errno.EPIPE, errno.ENOSPC):
            raise  # not from writing our output
        # Nobody reads our output (`| head`), or it has no room left; Python would complain again
        # at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.EPIPE:
            return 0
        return _refused(name, f"cannot write the output: {error.strerror}")
    return status


def _run(name: str, app: typer.Typer, arguments: Sequence[str]) -> int:
    try:
        _check_given(arguments)
        status = app(args=arguments, standalone_mode=False, prog_name=name)
    except NasdipError as error:
        return _refused(name, str(error))
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help
            print(error.format_message())
            return 0
        return _refused(name, _not_a_number(error, arguments) or error.format_message())
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        return _refused(name, str(not_installed("training networks", "torch", "build")))
    except typer.Exit as end:
        return end.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return 128 + signal.SIGINT
    return status if isinstance(status, int) else 0


def _check_given(arguments: Sequence[str]) -> None:
    """Refuse empty values: most often a shell variable is not set, and the default is not meant."""
    before = ""
    for number, argument in enumerate(arguments, 1):
        named = argument.startswith("-")
        name, equals, value = argument.partition("=") if named else (before, "", argument)
        if (equals or not named) and re.fullmatch(r"[\s,]*", value):
            raise ConfigError(
                f"{name or f'argument {number}'} {value!r} is empty: give a value, or leave it out "
                f"(is a shell variable not set?)"
            )
        before = argument if named else ""


def _not_a_number(error: Any, arguments: Sequence[str]) -> str | None:
    """The message for an option that should be a number; None for other mistakes.

    Typer's own message may not name the value.
    """
    found = re.search("valid (integer|number|float)", error.format_message())
    if found is None or getattr(error, "param", None) is None:
        return None
    kind = "a whole number" if found[1] == "integer" else "a number"
    for argument, after in zip(arguments, [*arguments[1:], ""], strict=True):
        name, equals, value = argument.partition("=")
        if name in error.param.opts:
            return f"{name} {(value if equals else after)!r} must be {kind}"
    return None


def _refused(name: str, message: str) -> int:
    print(f"{name}: {' '.join(message.split())}", file=sys.stderr)
    return EXIT_BAD_INPUT
