"""The lines of libraries that tell every retry."""

import logging

from pipeline.logs import Seldom


def line(at_s, message="no node %s", *values, name="aiokafka.cluster"):
    record = logging.LogRecord(name, logging.ERROR, "", 0, message, values, None)
    record.created = at_s
    return record


def told(seldom, *lines):
    return [each.getMessage() for each in lines if seldom.filter(each)]


def test_a_message_that_repeats_is_told_once_in_a_while_with_what_was_left_out():
    lines = [line(second, "no node %s", second) for second in range(0, 65, 5)]
    assert told(Seldom({"aiokafka"}, every_s=30), *lines) == [
        "no node 0",
        "no node 30 (5 more left out)",
        "no node 60 (5 more left out)",
    ]


def test_messages_that_say_different_things_do_not_hold_each_other_back():
    lines = [line(0), line(1, "fenced"), line(2, name="aiokafka.other"), line(3, "fenced")]
    assert len(told(Seldom({"aiokafka"}), *lines)) == 3


def test_what_others_say_is_always_told():
    ours = [line(second, name="pipeline.stage") for second in range(5)]
    assert len(told(Seldom({"aiokafka"}), *ours)) == 5
