"""A simulated search: recorded runs behind a clock.

Nothing here imports torch; only what returns a frame imports pandas.
"""
