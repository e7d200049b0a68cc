"""``nasdip-build``: its commands. Errors are one line and exit status 2."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from nasdip_bench.console.app import new_app, run
from nasdip_bench.errors import check_name
from nasdip_bench.experiments.sets import manifest, set_names
from nasdip_bench.images import IMAGE_SETS, image_names

from .commands.build import build_command
from .commands.experiments import experiments_command
from .commands.recompute import recompute_command
from .commands.release import import_released_command, release_command

app = new_app()


@app.command("images")
def images_command(
    image_set: Annotated[
        str, typer.Option(help=f"{', '.join(IMAGE_SETS)}; of experiments: {', '.join(manifest())}.")
    ] = "nasdip",
) -> None:
    """List the images of a set."""
    check_name("image set", image_set, (*IMAGE_SETS, *manifest()))
    known = set_names(image_set) if image_set in manifest() else image_names(image_set)
    print("\n".join(known))


app.callback(invoke_without_command=True)(build_command)
app.command("release")(release_command)
app.command("import-released")(import_released_command)
app.command("recompute")(recompute_command)
app.command("experiments")(experiments_command)


def main() -> None:
    """Entry point."""
    sys.exit(run("nasdip-build", app))
