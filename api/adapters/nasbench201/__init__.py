"""A release with the methods of NAS-Bench-201 and NATS-Bench.

    api = create("data/", dataset="lena-denoise", hps={"12": 109, "200": None})
    arch = api.random_arch()
    psnr, latency, seconds, used = api.simulate_train_eval(arch, "lena-denoise", hp="12")

Code that searches NAS-Bench-201 (Dong, Yang, ICLR 2020) or NATS-Bench (Dong, Liu, Musial, Gabrys,
TPAMI 2021) runs here. The differences are:

- a dataset is an image and a task, "lena-denoise"; ``datasets=`` maps a script's names to these;
- architectures are canonical strings. Indices count those that are evaluated on all opened
  datasets: they belong to the API and are not rows of the release;
- accuracies are PSNR in dB against the ground truth. "train" measures the output, every other set
  ("valid", "test", "x-valid" ...) the smoothed output, since an image has one ground truth. Losses
  are the equivalent mean squared errors, 10^(-dB / 10);
- seconds come from a cost model; there are no trained weights;
- ``hp`` names recipes by their epochs, and ``hps=`` maps these names to numbers of iterations.
  Other numbers are iterations; None is the stopping iteration of the fidelity;
- a mutated architecture is hardly ever evaluated. Use ``api.nearest``, ``neighbours`` and
  ``mutate`` to move among those that are;
- trials are the seeds given on opening, by default the release's default seeds.

Must not import torch or pandas.
"""

from __future__ import annotations

from .api import NASBench201API as NASBench201API
from .api import create as create
from .datasets import NotEvaluatedError as NotEvaluatedError
from .results import ArchResults as ArchResults
from .trial import ResultsCount as ResultsCount
