"""The processors that networks run on: whether torch can use one, and its name."""

from __future__ import annotations

import platform

import torch

from nasdip_bench.errors import BuildError, ConfigError

_TYPES = ("cpu", "cuda")


def check_device(device: str) -> None:
    """Raise `ConfigError` unless torch can compute on the device.

    >>> check_device("cpu")
    """
    if device.split(":")[0] not in _TYPES:
        raise ConfigError(f"device {device!r} must be cpu, cuda or cuda:N")
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"device {device!r} is not available to torch {torch.__version__} "
            f"({str(error).splitlines()[0]}); use --device cpu, or install a torch built for it"
        ) from error


def local_device(device: str) -> str:
    """The device to use of this machine: "auto" is a GPU if torch has one, else the CPU.

    Raises:
        ConfigError: torch cannot compute on it.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    check_device(device)
    return device


def device_name(device: torch.device) -> str:
    """The processor's name, such as "NVIDIA H200" or "AMD EPYC, AVX512".

    The name of a CPU includes the instructions that torch uses: processors with one name can differ
    in them, and so in their rounding.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.split(":", 1)[1].strip() for line in file if "model name" in line]
    except OSError:
        names = []
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}"


def refuse_broken_device(device: torch.device, error: RuntimeError) -> None:
    """Give up on a GPU after an error it cannot recover from, since every later run would fail.

    Raises:
        BuildError: it is such an error.
    """
    if device.type == "cuda" and not isinstance(error, torch.OutOfMemoryError):
        try:
            torch.cuda.synchronize(device)
        except RuntimeError as broken:
            raise BuildError(
                f"{device} no longer answers ({broken}): run the command again, which goes on with "
                f"what is not finished"
            ) from error
