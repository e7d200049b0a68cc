"""A build from plan to shards: build loop, ledger, dry run, skipping what a dataset has."""
