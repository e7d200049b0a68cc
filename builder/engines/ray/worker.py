"""What runs in the processes of a Ray cluster."""

from __future__ import annotations

import importlib
import logging
import platform
from typing import TYPE_CHECKING

from nasdip_bench._version import __version__
from nasdip_bench.errors import ConfigError
from nasdip_bench.fit.devices import check_device

from ...plan.units import Unit
from ..worker import Worker, WorkerSpec

if TYPE_CHECKING:
    import pyarrow as pa


class RayWorker:
    """A `Worker` in a process of the cluster; it returns its warnings with its tables."""

    def __init__(self) -> None:
        self._messages: list[str] = []

    def start(self, spec: WorkerSpec, version: str) -> str:
        """Get ready; returns the node's id.

        Raises:
            ConfigError: the device is missing, or another version is installed here.
        """
        try:
            if version != __version__:
                raise ConfigError(
                    f"nasdip-bench {__version__} is installed, but the builder has {version}"
                )
            check_device(spec.device)
        except ConfigError as error:
            raise ConfigError(f"on {platform.node()}: {error}") from error
        logging.getLogger("nasdip_bench").addHandler(_Collector(self._messages))
        self._worker = Worker(spec)
        ray = importlib.import_module("ray")
        return str(ray.get_runtime_context().get_node_id())

    def execute(self, unit: Unit) -> tuple[pa.Table, list[str]]:
        """The shard table of a unit, and the warnings it caused."""
        self._messages.clear()
        return self._worker.execute(unit), list(self._messages)

    def give_up(self, unit: Unit, reason: str) -> tuple[pa.Table, list[str]]:
        """The same for a unit that is recorded as failed."""
        return self._worker.give_up(unit, reason), []


class _Collector(logging.Handler):
    def __init__(self, messages: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        self._messages.append(record.getMessage())
