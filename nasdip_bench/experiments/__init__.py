"""The paper's comparison of restoration methods (Tables 2 and 3, Figure 5): what it consists of.

    sets        the test sets, by checksum, and how their images are read
    setting     named, hashed set-ups: the paper's, and a smaller one for a processor
    methods     what restores an image, and which methods and tasks a table has
    results     the table of results and its folder

They are carried out by ``nasdip-build experiments`` and printed by ``nasdip-bench table 2``. Must
not import torch.
"""

from .methods import TABLES, Method, PaperTable, parse_method
from .results import ResultsFolder, read_results, results_problems
from .sets import EXPERIMENT_SETS, experiment_images, ground_truth
from .setting import SETTINGS, Setting, get_setting

__all__ = [
    "EXPERIMENT_SETS",
    "SETTINGS",
    "TABLES",
    "Method",
    "PaperTable",
    "ResultsFolder",
    "Setting",
    "experiment_images",
    "get_setting",
    "ground_truth",
    "parse_method",
    "read_results",
    "results_problems",
]
