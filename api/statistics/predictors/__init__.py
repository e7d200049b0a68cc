"""Predictors that learn from trained architectures, judged on the others."""
