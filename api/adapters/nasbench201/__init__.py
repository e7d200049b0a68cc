"""A release with the methods of NAS-Bench-201 and NATS-Bench.

    api = create("data/", dataset="lena-denoise", hps={"12": 300, "200": None})
    arch = api.random_arch()
    psnr, latency, seconds, used = api.simulate_train_eval(arch, "lena-denoise", hp="12")

Code that searches NAS-Bench-201 (Dong, Yang, ICLR 2020) or NATS-Bench (Dong, Liu, Musial, Gabrys,
TPAMI 2021) runs here. A dataset is an image and a task. Indices count the architectures evaluated
on all opened datasets: they are not rows of the release. Accuracies are PSNR in dB against the
ground truth: "train" measures the output, every other set ("valid", "test", "x-valid" ...) the
smoothed output, since an image has one ground truth. Losses are the equivalent mean squared errors,
10^(-dB / 10). `NASBench201API` states its options; ``docs/search.md`` lists all differences.

Must not import torch or pandas.
"""

from __future__ import annotations

from .api import NASBench201API as NASBench201API
from .api import create as create
from .datasets import NotEvaluatedError as NotEvaluatedError
from .results import ArchResults as ArchResults
from .results import ResultsCount as ResultsCount
