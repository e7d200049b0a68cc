"""Full check of a dataset folder, in a process of its own."""

from .sandbox import MEMORY_BYTES as MEMORY_BYTES
from .sandbox import SECONDS as SECONDS
from .sandbox import verify as verify
