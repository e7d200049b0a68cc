"""A release in memory: runs, scores, curves, records. All else in api/ stands on it.

Nothing here imports torch, and pandas only what makes a frame.
"""
