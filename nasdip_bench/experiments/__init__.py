"""The paper's comparison of restoration methods (Tables 2 and 3, Figure 5): what it consists of.

    sets        the test sets, by checksum, and how their images are read
    setting     named, hashed set-ups: the paper's, and a smaller one for a CPU
    methods     what restores an image, and which methods and tasks a table has
    results     the table of results and its folder

``nasdip-build experiments`` runs it, and ``nasdip-bench table 2`` prints the results.
"""

from .methods import TABLES as TABLES
from .methods import Method as Method
from .methods import PaperTable as PaperTable
from .methods import parse_method as parse_method
from .results import ResultsFolder as ResultsFolder
from .results import read_results as read_results
from .results import results_problems as results_problems
from .sets import EXPERIMENT_SETS as EXPERIMENT_SETS
from .sets import experiment_images as experiment_images
from .sets import ground_truth as ground_truth
from .setting import SETTINGS as SETTINGS
from .setting import Setting as Setting
from .setting import get_setting as get_setting
