"""Statistics over a release as pandas frames."""
