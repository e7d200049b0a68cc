"""Torch networks of an architecture: plain, baselines, stacked, initialised."""

from .plain import CHANNEL_MULTIPLE as CHANNEL_MULTIPLE
from .plain import Network as Network
from .plain import build_network as build_network
