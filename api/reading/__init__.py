"""A release in memory: runs, scores, curves, records. The rest of api/ builds on it.

Nothing here imports torch; only what returns a frame imports pandas.
"""
