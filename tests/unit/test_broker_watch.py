"""What is said of a broker that does not answer."""

import asyncio

import pytest
from aiokafka.errors import KafkaConnectionError
from structlog.testing import capture_logs

from pipeline.backoff import Backoff
from pipeline.broker_watch import watch_broker
from pipeline.errors import BrokerUnavailable


async def watched(*answers):
    """Return the log lines of a watch that gets these answers, one after the other."""
    coming = iter(answers)

    async def ask():
        try:
            answer = next(coming)
        except StopIteration:
            raise asyncio.CancelledError from None
        if answer is not None:
            raise answer

    with capture_logs() as lines, pytest.raises(asyncio.CancelledError):
        await watch_broker(ask, every_s=0, backoff=Backoff(first_s=0, most_s=0))
    return lines


@pytest.mark.parametrize(
    "error",
    [BrokerUnavailable("gone"), KafkaConnectionError("refused"), TimeoutError(), OSError("no")],
)
async def test_a_broker_that_does_not_answer_is_told(error):
    (line,) = await watched(None, error)
    assert line["event"] == "broker_does_not_answer"
    assert line["error"]


async def test_its_return_is_told_once():
    lines = await watched(KafkaConnectionError(), KafkaConnectionError(), None, None)
    assert [line["event"] for line in lines] == [
        "broker_does_not_answer",
        "broker_does_not_answer",
        "broker_answers_again",
    ]


async def test_a_broker_that_answers_is_not_spoken_of():
    assert await watched(None, None, None) == []
