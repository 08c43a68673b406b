"""The Ray engine of the shift benchmark; tests/parallel/test_ray.py runs it on a cluster."""

from types import SimpleNamespace

import pytest

pytest.importorskip("ray")


def test_begin_is_sent_at_once_with_the_buffered_ends():
    from revin_forecast.shift.runner.ray import _EventSender

    sent = []
    event_queue = SimpleNamespace(add=SimpleNamespace(remote=sent.append))
    sender = _EventSender(event_queue)
    first, end = ("begin", "run", "a"), ("end", "run", "a")
    second, last = ("begin", "run", "b"), ("end", "run", "b")
    sender.send(first)
    assert sent == [[first]]
    sender.send(end)
    sender.send(second)
    assert sent == [[first], [end, second]]
    sender.send(last)
    sender.flush()
    sender.flush()
    assert sent == [[first], [end, second], [last]]
