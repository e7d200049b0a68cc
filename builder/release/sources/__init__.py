"""What a dataset is made of, read from builds and earlier releases, and merged."""
