"""Torch networks of an architecture: plain, baselines, stacked, initialised."""

from .plain import CHANNEL_MULTIPLE, Network, build_network

__all__ = ["CHANNEL_MULTIPLE", "Network", "build_network"]
