"""The build folder: settings and shards on disk."""
