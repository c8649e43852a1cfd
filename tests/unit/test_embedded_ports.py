"""Ports are kept between starts, unless somebody else took them."""

import socket

import pytest

from pipeline.embedded.ports import LOOPBACK, accepts, choose_ports, forget_ports, is_free


@pytest.fixture
def memory(tmp_path):
    return tmp_path / "ports"


@pytest.fixture
def listener():
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server


def test_two_ports_are_two(memory):
    assert len(set(choose_ports(memory, count=2))) == 2


def test_the_next_start_gets_the_same(memory):
    assert choose_ports(memory, count=2) == choose_ports(memory, count=2)


def test_a_port_that_was_taken_meanwhile_is_not_used_again(memory, listener):
    taken = listener.getsockname()[1]
    memory.write_text(str(taken))
    assert choose_ports(memory, count=1) != (taken,)


@pytest.mark.parametrize("content", ["", "x", "1 2 3"])
def test_a_memory_of_something_else_is_no_trouble(memory, content):
    memory.write_text(content)
    assert all(is_free(port) for port in choose_ports(memory, count=1))


def test_forgotten_ports_are_chosen_anew(memory):
    choose_ports(memory, count=1)
    forget_ports(memory)
    assert not memory.exists()


def test_who_listens_is_seen(listener):
    port = listener.getsockname()[1]
    assert accepts(port)
    assert not is_free(port)


def test_a_connection_that_lingers_after_its_server_ended_does_not_take_the_port(listener):
    port = listener.getsockname()[1]
    with socket.create_connection((LOOPBACK, port)):
        accepted, _ = listener.accept()
        accepted.close()  # the side of the server closes first, so it lingers there
        listener.close()
    assert is_free(port)
