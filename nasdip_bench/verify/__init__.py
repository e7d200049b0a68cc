"""Full check of a dataset folder, in a process of its own."""

from .sandbox import MEMORY_BYTES, SECONDS, verify

__all__ = ["MEMORY_BYTES", "SECONDS", "verify"]
