"""Fidelities: named training set-ups. Every number of the benchmark states its own.

A fidelity fixes resolution, channels, the iterations trained per kind of task, and the iteration at
which a user would stop. Precision, device and engine are columns of a run, not part of a fidelity.
This is the only table of fidelities.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from nasdip_bench.errors import ConfigError, check_name, check_whole, unknown_name

PROTOCOL_VERSION = 2
"""Version of everything that determines a run's numbers: draws, corruption, network, fit, scores.

Raised whenever one of these changes; a dataset never mixes runs of different versions.
"""

FOREIGN_PROTOCOL = 0
"""The version of results that others computed: they are recorded as they came, and may lack what
the paper's authors did not keep."""

MAX_ITERATIONS = 1_000_000

PRECISIONS = ("fp32", "tf32", "bf16")
"""fp32: float32 throughout. tf32: float32 with TF32 products (CUDA). bf16: bfloat16 products, with
the output layer, loss, moving average and optimiser in float32."""


def check_precision(precision: str, device: str) -> None:
    """Reject an unknown precision, or one that a device ("cpu", "cuda", "cuda:N") lacks.

    Raises:
        UnknownNameError: no such precision.
        ConfigError: tf32 on a device other than CUDA.
    """
    check_name("precision", precision, PRECISIONS)
    if precision == "tf32" and not device.startswith("cuda"):
        raise ConfigError(f"precision tf32 needs a CUDA device, not {device}; use fp32 or bf16")


@dataclass(frozen=True, kw_only=True)
class Fidelity:
    """A training set-up.

    Attributes:
        name: as in the table; a shortened one ends in ``i<iterations>``.
        base: the name in the table; keys the random draws, so a shortened run is the beginning of
            the whole one.
        resolution: height and width in pixels.
        channels: channels at every level of the network.
        iterations: by kind of task, how long runs are trained.
        stop: by kind of task, the iteration of ``final_*``. At r512 it is the last, as in the
            paper. Small images overfit sooner, so elsewhere it is where a pilot's smoothed PSNR,
            averaged over architectures and images, is highest, rounded to 50: one rule and one
            number for all architectures (`docs/protocol.md` has the pilots).
    """

    name: str
    base: str
    resolution: int
    channels: int
    iterations: Mapping[str, int]
    stop: Mapping[str, int]

    def iterations_for(self, kind: str) -> int:
        """How long a run is trained, for a kind of task.

        Raises:
            ConfigError: the fidelity does not have this kind of task.
        """
        if kind not in self.iterations:
            having = [name for name, f in FIDELITIES.items() if kind in f.iterations]
            raise ConfigError(
                f"fidelity {self.name} has no task {kind!r}, only {', '.join(self.iterations)}; "
                f"fidelities with it: {', '.join(having) or 'none'}"
            )
        return self.iterations[kind]

    def shortened(self, iterations: int) -> Fidelity:
        """The same set-up with another budget for every task, which its name states.

        ``final_*`` is then the value at the end: a short run is stopped by its budget.
        """
        check_whole("iterations", iterations, 1, MAX_ITERATIONS)
        budgets = dict.fromkeys(self.iterations, iterations)
        name = f"{self.base}i{iterations}"
        return replace(self, name=name, iterations=budgets, stop=budgets)


def _fidelity(
    name: str, resolution: int, channels: int, iterations: dict[str, int], **stop: int
) -> Fidelity:
    """A set-up whose tasks are stopped at the end, except those in ``stop``."""
    return Fidelity(
        name=name,
        base=name,
        resolution=resolution,
        channels=channels,
        iterations=iterations,
        stop=iterations | stop,
    )


FIDELITIES: dict[str, Fidelity] = {
    f.name: f
    for f in (
        _fidelity("r512", 512, 128, {"denoise": 1200, "inpaint": 9500, "super_resolve": 4500}),
        _fidelity("r256", 256, 128, {"denoise": 1200, "inpaint": 6000}),
        _fidelity("r128", 128, 128, {"denoise": 900, "inpaint": 4000}, denoise=600),
        _fidelity("r64", 64, 128, {"denoise": 600, "inpaint": 2000}, denoise=350),
        _fidelity("r64c16", 64, 16, {"denoise": 600, "inpaint": 1000}, denoise=350),
    )
}
"""The fidelities of the benchmark, the paper's first."""


def get_fidelity(name: str) -> Fidelity:
    """The fidelity with a name of the table, or with a shortened one such as ``r64c16i100``."""
    if name in FIDELITIES:
        return FIDELITIES[name]
    match = re.fullmatch(r"(?P<base>.+)i(?P<iterations>[1-9]\d*)", name)
    if match and match["base"] in FIDELITIES:
        return FIDELITIES[match["base"]].shortened(int(match["iterations"]))
    raise unknown_name("fidelity", name, FIDELITIES)
