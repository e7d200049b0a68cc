"""The untrained torch network of an architecture; torch is imported on use."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from nasdip_bench.errors import ConfigError, check_whole, not_installed

from .reading.arrays.names import image_position

if TYPE_CHECKING:
    from nasdip_bench.network import Network

    from .reading.architectures import ArchitectureLike
    from .reading.reader import ReleaseReader


def build(
    bench: ReleaseReader,
    arch: ArchitectureLike,
    image: str | None = None,
    task: str | None = None,
    *,
    fidelity: str | None = None,
    seed: int = 0,
    logits: bool = False,
) -> Network:
    """The untrained torch network of an architecture, at the width of a fidelity.

    Given an image and a task, the weights are those that the run of this seed started from.
    Otherwise they depend on the architecture and the seed alone. Torch's global random state is
    neither read nor changed.

    Args:
        arch: an architecture, in the release or not.
        image: name; sets the network's channels. None for gray.
        task: name.
        fidelity: any of the release without a task. None for the default of the task, or of the
            first task.
        seed: seed of the weights.
        logits: whether to leave out the final sigmoid, so that outputs are any real number instead
            of (0, 1). Scores such as SynFlow sum over outputs and vanish where it saturates.

    Raises:
        UnknownNameError: an unknown image, task, fidelity or row.
        MissingRunError: the release does not have the task at the fidelity.
        MissingDependencyError: torch is not installed.
        ConfigError: an image without a task, a task without an image, an imported run, or a
            seed that is not a whole number of at least 0.

    Example:
        >>> network = NASDIPBench("data/").build(0, "lena", "denoise")
        >>> network.training
        True
    """
    from nasdip_bench.fidelity import FOREIGN_PROTOCOL

    if find_spec("torch") is None:
        raise not_installed("building a network", "torch", "build")
    from nasdip_bench.network.weights import draw_run_weights, draw_weights
    from nasdip_bench.proxies.scoring import blank_network

    seed = check_whole("seed", seed, 0)
    if (image is None) != (task is None):
        raise ConfigError(
            f"image {image!r} and task {task!r}: give both for the weights of a run, or neither"
        )
    if image is not None and bench.manifest.protocol_version == FOREIGN_PROTOCOL:
        raise ConfigError(
            f"the weights that the imported run on {image!r} started from are not known: leave "
            f"out image and task"
        )
    if task is None and isinstance(fidelity, str) and fidelity in bench.fidelities:
        name = fidelity  # the first task may lack it
    else:
        name = bench.runs.fidelity_of(task or bench.tasks[0], fidelity)
    chosen = bench.architecture_rows.meant(arch)
    image_channels = 1
    if image is not None:
        position = image_position(image, bench.images, bench.tasks)
        image_channels = bench.image_channels[position]
    channels = bench.manifest.fidelities[name]["channels"]
    network = blank_network(chosen, image_channels, channels, "cpu")
    network.output.logits = logits
    if image is None or task is None:
        draw_weights(network, "build", str(chosen), channels, image_channels, seed)
    else:
        draw_run_weights(network, str(chosen), image, task, name, seed)
    return network
