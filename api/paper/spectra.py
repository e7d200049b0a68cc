"""Power spectra of images, corrupted images and untrained outputs, as profiles over frequency.

Only the function that runs networks imports torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.proxies.density import decibel, relative_radius
from nasdip_bench.proxies.spectrum import Spectrum, prepare

if TYPE_CHECKING:
    from nasdip_bench.images import Image
    from nasdip_bench.space import Architecture
    from nasdip_bench.tasks import Task


@dataclass(frozen=True, kw_only=True, eq=False)
class SpectrumProfile:
    """A power spectral density, its radial mean, and what the scores take from it.

    Attributes:
        psd_db: (H, W) float64 dB, frequency zero at the centre; mean over channels (and
            initialisations) of the density.
        radius: (R,) float64 relative frequency of the rings, below 1/2.
        level_db: (R,) float64 dB of the mean density in each ring.
        bandwidth: the score ``psd_99_bandwidth``; mean over initialisations.
        strip_mse: outputs' ``psd_db_strip_mse`` by reference; mean over initialisations.
    """

    psd_db: NDArray[np.float64]
    radius: NDArray[np.float64]
    level_db: NDArray[np.float64]
    bandwidth: float
    strip_mse: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageSpectra:
    """An image's spectra: "ground_truth", "corrupted", and of the architectures, by role."""

    image: str
    profiles: dict[str, SpectrumProfile]


def radial_profile(psd: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean of a density over rings about frequency zero, up to the Nyquist frequency.

    Args:
        psd: (H, W) float64, frequency zero at row H // 2, column W // 2.

    Returns:
        (R,) relative mid-radius of each ring and (R,) mean density; R is half of the smaller
        side, and a ring is one of its frequencies wide.
    """
    rings = min(psd.shape) // 2
    radius = relative_radius(*psd.shape)
    index = np.floor(radius * 2 * rings).astype(np.intp).ravel()
    inside = index < rings
    sums = np.bincount(index[inside], psd.ravel()[inside], minlength=rings)
    counts = np.bincount(index[inside], minlength=rings)
    return (np.arange(rings) + 0.5) / (2 * rings), sums / np.maximum(counts, 1)


def _profile(
    spectra: Sequence[Spectrum], references: Mapping[str, Spectrum] | None = None
) -> SpectrumProfile:
    from nasdip_bench.proxies import score

    psd = np.mean([one.psd.mean(axis=0) for one in spectra], axis=0)
    radius, density = radial_profile(psd)
    return SpectrumProfile(
        psd_db=decibel(psd),
        radius=radius,
        level_db=decibel(density),
        bandwidth=float(np.mean([one.bandwidth for one in spectra])),
        strip_mse={
            reference: float(np.mean([score("psd_db_strip_mse", o, other) for o in spectra]))
            for reference, other in (references or {}).items()
        },
    )


def image_spectra(
    images: Sequence[Image],
    task: Task,
    architectures: Mapping[str, Architecture],
    resolution: int,
    channels: int,
    inits: int,
    device: str,
) -> tuple[ImageSpectra, ...]:
    """Spectra of images and of untrained networks' outputs, as the scores see them.

    The outputs depend only on the image's shape, so each is computed once.

    Args:
        images: square images.
        task: corrupts the images; for super-resolution, spectra are compared at low resolution.
        architectures: by role.
        resolution: height and width of the ground truth.
        channels: width of the networks.
        inits: number of scoring initialisations.
        device: where the networks run.

    Raises:
        ImageError: an image that cannot be brought to the resolution.
    """
    outputs: dict[tuple[int, ...], dict[str, list[Spectrum]]] = {}
    found = []
    for image in images:
        truth = image.at_resolution(resolution)
        observation = task.corrupt(truth, image.name)
        references = {
            name: prepare(array, name)
            for name, array in task.scoring_references(truth, observation).items()
        }
        if truth.shape not in outputs:
            outputs[truth.shape] = {
                role: _outputs(arch, task, truth.shape, channels, inits, device)
                for role, arch in architectures.items()
            }
        profiles = {name: _profile([references[name]]) for name in ("ground_truth", "corrupted")}
        for role, spectra in outputs[truth.shape].items():
            profiles[role] = _profile(spectra, references)
        found.append(ImageSpectra(image=image.name, profiles=profiles))
    return tuple(found)


def _outputs(
    arch: Architecture,
    task: Task,
    shape: tuple[int, ...],
    channels: int,
    inits: int,
    device: str,
) -> list[Spectrum]:
    from nasdip_bench.proxies.scoring import initialisations

    image_channels, height, width = shape
    return [
        prepare(task.reduce(initialised.output), "output")
        for _, initialised in initialisations(
            arch, (image_channels, height, width), channels, inits, device
        )
    ]
