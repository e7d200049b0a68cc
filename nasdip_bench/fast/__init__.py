"""The fit at speed: networks with another forward pass, equal to the plain one but for rounding."""

from nasdip_bench.fast.memory import free_cached_memory, keep_freed_memory
from nasdip_bench.fast.network import FastNetwork

__all__ = ["FastNetwork", "free_cached_memory", "keep_freed_memory"]
