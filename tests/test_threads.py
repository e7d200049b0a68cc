"""Parts of one piece of work, each by a thread."""

from __future__ import annotations

import threading

import pytest

from nasdip_bench.threads import in_threads


def test_results_are_in_the_order_of_the_parts():
    second_done = threading.Event()

    def work(part):
        if part == 1:
            assert second_done.wait(60)  # so the second part is another thread's
        else:
            second_done.set()
        return part, threading.current_thread() is threading.main_thread()

    assert in_threads(work, [1, 2]) == [(1, True), (2, False)]
    assert in_threads(str, range(1)) == ["0"]


@pytest.mark.parametrize("failing", [0, 1])
def test_what_a_part_raises_is_raised_once_all_ended(failing):
    ended = []

    def work(part):
        if part == failing:
            raise KeyboardInterrupt(f"part {part}")
        ended.append(part)

    with pytest.raises(KeyboardInterrupt, match=f"part {failing}"):
        in_threads(work, [0, 1])
    assert ended == [1 - failing]
