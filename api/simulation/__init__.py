"""A simulated search: recorded runs behind a clock.

Nothing here imports torch, and pandas only what makes a frame.
"""
