"""Rules that stop a fit without the ground truth, and where they stop a recorded run.

The same objects stop a restoration during training (``nasdip-restore --stop RULE``) and are tried
on recorded runs. Never imports torch.
"""

from .rule import Fits as Fits
from .rule import Look as Look
from .rule import StoppingRule as StoppingRule
from .rule import Watch as Watch
from .rule import follow as follow
from .rules import Discrepancy as Discrepancy
from .rules import ExponentialVariance as ExponentialVariance
from .rules import Fixed as Fixed
from .rules import Last as Last
from .rules import NeighbourMinimum as NeighbourMinimum
from .rules import Plateau as Plateau
from .rules import WindowedVariance as WindowedVariance
from .spelling import RULES as RULES
from .spelling import parse_rule as parse_rule
from .spelling import recorded_rules as recorded_rules
from .spelling import target_rule as target_rule
