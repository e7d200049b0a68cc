"""Bridges to optimisation libraries, one module each; none is imported by the rest of the API.

`configspace` (extra ``configspace``), `optuna` (extra ``optuna``) and `synetune`, which writes
files that Syne Tune reads and needs no more than this package.
"""
