"""Full check of a dataset folder, in its own process."""

from .sandbox import MEMORY_BYTES as MEMORY_BYTES
from .sandbox import SECONDS as SECONDS
from .sandbox import verify as verify
