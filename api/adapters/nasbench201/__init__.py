"""The release behind the method names of NAS-Bench-201 and NATS-Bench.

    api = create("data/", dataset="lena-denoise", hps={"12": 109, "200": None})
    arch = api.random_arch()
    psnr, latency, seconds, used = api.simulate_train_eval(arch, "lena-denoise", hp="12")

Code that searches NAS-Bench-201 (Dong, Yang, ICLR 2020) or NATS-Bench (Dong, Liu, Musial, Gabrys,
TPAMI 2021) runs here. What differs:

- a dataset is an image and a task, "lena-denoise"; ``datasets=`` gives it the names of a script;
- architectures are canonical strings. Indices count those that are evaluated on all datasets
  opened: they are the API's own, and not rows of the release;
- accuracies are PSNR in dB against the ground truth: "train" is of the output, every other set
  ("valid", "test", "x-valid" ...) of the smoothed output, since an image has one ground truth.
  Losses are the mean squared errors that the PSNR stands for, 10^(-dB / 10);
- seconds are those of a cost model; there are no trained weights;
- ``hp`` names recipes of so many epochs, for which ``hps=`` gives numbers of iterations; other
  numbers are iterations, None is the stopping iteration of the fidelity;
- what a mutation gives is hardly ever evaluated: ``api.nearest``, ``neighbours`` and ``mutate``
  move among the architectures that are;
- trials are the seeds that it was opened with, by default the release's default seeds.

Must not import torch or pandas.
"""

from __future__ import annotations

from .api import NASBench201API, create
from .datasets import NotEvaluatedError
from .results import ArchResults
from .trial import ResultsCount

__all__ = ["ArchResults", "NASBench201API", "NotEvaluatedError", "ResultsCount", "create"]
