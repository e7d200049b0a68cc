"""Training-free scores and trivial predictors in one table."""
