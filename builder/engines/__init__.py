"""How units are carried out: the worker, and local processes."""
