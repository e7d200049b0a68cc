"""The installed commands: Ctrl-C while modules load ends them without a traceback."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

CODE = """
import os, signal, sys
from nasdip_bench.console import start

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "nasdip_bench.{module}":
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.{before})
sys.meta_path.insert(0, Interrupting())
sys.argv = ["command", "--version"]
start.{command}()
"""
COMMANDS = {"bench": "api.cli", "build": "builder.cli", "restore": "isnas.cli"}


def ended(command: str, before: str) -> subprocess.CompletedProcess[str]:
    code = CODE.format(module=COMMANDS[command], command=command, before=before)
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_ctrl_c_while_modules_load_says_nothing(command):
    done = ended(command, "default_int_handler")
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_a_signal_that_was_ignored_stays_ignored():
    done = ended("bench", "SIG_IGN")
    assert done.returncode == 0
    assert done.stdout.startswith("nasdip-bench ")
