"""The fit at speed: networks with another forward pass, equal to the plain one but for rounding."""

from .forward import FastNetwork
from .memory import free_cached_memory, keep_freed_memory

__all__ = ["FastNetwork", "free_cached_memory", "keep_freed_memory"]
