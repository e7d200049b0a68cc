"""When to stop a fit without a look at the ground truth: the rules, and where they stop a run.

The same objects stop a restoration while it is trained (``nasdip-restore --stop RULE``) and are
tried on recorded runs. Never imports torch.
"""

from .rule import Fits, Look, StoppingRule, Watch, follow
from .rules import (
    RULES,
    Discrepancy,
    ExponentialVariance,
    Fixed,
    Last,
    NeighbourMinimum,
    Plateau,
    WindowedVariance,
    parse_rule,
    recorded_rules,
    target_rule,
)

__all__ = [
    "RULES",
    "Discrepancy",
    "ExponentialVariance",
    "Fits",
    "Fixed",
    "Last",
    "Look",
    "NeighbourMinimum",
    "Plateau",
    "StoppingRule",
    "Watch",
    "WindowedVariance",
    "follow",
    "parse_rule",
    "recorded_rules",
    "target_rule",
]
