"""Torch networks of an architecture: plain, baselines, stacked, initialised."""

from .plain import Network as Network
from .plain import build_network as build_network
from .plain import check_channels as check_channels
