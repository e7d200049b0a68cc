"""``nasdip-build``: its commands. Errors are one line and exit status 2."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from nasdip_bench.console.app import new_app, run
from nasdip_bench.errors import unknown_name
from nasdip_bench.experiments.sets import manifest, set_names
from nasdip_bench.images import IMAGE_SETS, image_names

from .commands import build
from .commands import experiments as experiment_commands
from .commands import recompute as recompute_command
from .commands import release as release_commands

app = new_app()


@app.command("images")
def images_command(
    image_set: Annotated[
        str, typer.Option(help=f"{', '.join(IMAGE_SETS)}; of experiments: {', '.join(manifest())}.")
    ] = "nasdip",
) -> None:
    """List the images of a set."""
    if image_set not in (*IMAGE_SETS, *manifest()):
        raise unknown_name("image set", image_set, (*IMAGE_SETS, *manifest()))
    known = set_names(image_set) if image_set in manifest() else image_names(image_set)
    print("\n".join(known))


build.add_command(app)
release_commands.add_commands(app)
recompute_command.add_command(app)
experiment_commands.add_commands(app)


def main() -> None:
    """Entry point."""
    sys.exit(run("nasdip-build", app))
