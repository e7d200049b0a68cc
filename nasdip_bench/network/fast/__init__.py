"""Fast networks: another forward pass, equal to the plain one except for rounding."""

from .forward import FastNetwork as FastNetwork
from .memory import free_cached_memory as free_cached_memory
from .memory import keep_freed_memory as keep_freed_memory
