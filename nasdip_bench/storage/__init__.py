"""Files on disk: atomic writes, locks, JSON that carries its own hash, arrays."""
