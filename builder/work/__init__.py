"""A build from plan to shards: build loop, ledger, dry run, what a dataset has already."""
