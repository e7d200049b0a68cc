"""The paper's image scores, on power spectral densities.

Source: Arican, Kara, Bredell, Konukoglu, "ISNAS-DIP", CVPR 2022, section 3, eq. 1 and eq. 2, and
its released code. Each score names where the two differ.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from .registry import image_score
from .spectrum import Spectrum

# The paper's scores; lower is claimed to be better for all of them

_paper_score = partial(image_score, spectral=True, lower_is_better=True)


@_paper_score(
    name="psd_db_mse",
    needs_reference=True,
    unit="dB²",
    source="ISNAS-DIP (CVPR 2022), eq. 1",
    description="mean squared difference of the power spectral densities in dB",
)
def _psd_db_mse(output: Spectrum, reference: Spectrum) -> float:
    return float(np.mean(np.square(output.psd_db - reference.psd_db)))


@_paper_score(
    name="psd_db_strip_mse",
    needs_reference=True,
    unit="dB²",
    source="ISNAS-DIP (CVPR 2022), eq. 2",
    description="psd_db_mse over the strip between 10 % and 20 % of the image's size in diameter",
)
def _psd_db_strip_mse(output: Spectrum, reference: Spectrum) -> float:
    return float(np.mean(np.square(output.strip_psd_db - reference.strip_psd_db)))


@_paper_score(
    name="psd_strip_hist_emd",
    needs_reference=True,
    unit="1/PSD",
    source="ISNAS-DIP (CVPR 2022), section 3, as in the released code",
    description="Wasserstein distance between the bin heights of the two strip PSD histograms",
)
def _psd_strip_hist_emd(output: Spectrum, reference: Spectrum) -> float:
    # The released code hands the two vectors of heights to scipy.stats.wasserstein_distance, which
    # takes them as two samples; for samples of equal size the distance pairs them in order. A bin's
    # place on the PSD axis does not matter, only how unevenly the strip's energies are spread.
    return float(np.mean(np.abs(output.strip_heights - reference.strip_heights)))


@_paper_score(
    name="psd_strip_hist_emd_paper",
    needs_reference=True,
    unit="PSD",
    source="ISNAS-DIP (CVPR 2022), section 3, as in the text",
    description="earth mover's distance of the two strip PSD histograms of 75 bins over 0 to 1",
)
def _psd_strip_hist_emd_paper(output: Spectrum, reference: Spectrum) -> float:
    # Moving mass by one bin costs 1/75. With a PSD of |FFT2|² / n² all of a natural image's strip
    # lies in the first bin, so this is 0 for nearly all pairs.
    difference = output.strip_cumulative - reference.strip_cumulative
    return float(np.sum(np.abs(difference)) / len(difference))


@_paper_score(
    name="psd_99_bandwidth",
    needs_reference=False,
    unit="fraction",
    source="ISNAS-DIP (CVPR 2022), section 3, as in the released code",
    description="diameter of the centred disc with 99 % of the energy, 1 reaching the corners",
)
def _psd_99_bandwidth(output: Spectrum, reference: None) -> float:
    return output.bandwidth
