"""From builds and earlier releases to a dataset folder: read, merge, write, swap in."""
