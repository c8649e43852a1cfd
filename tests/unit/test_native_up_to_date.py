"""Compiled code is used only where it is of these sources, whole, and for this Python."""

from importlib.util import find_spec
from unittest import mock

import pytest

import native
from deploy import build_native

needs_compiled = pytest.mark.skipif(
    not native.IN_USE, reason="nothing is compiled: no C compiler was there"
)


@needs_compiled
def test_what_was_just_compiled_is_used():
    assert native.is_up_to_date()


@needs_compiled
def test_what_was_compiled_for_another_python_is_not_used():
    """Its file says so: beside it there may be modules for this one, of older sources."""
    with mock.patch.object(native, "EXTENSION_SUFFIXES", [".another.so"]):
        assert not native.is_up_to_date()


@needs_compiled
@pytest.mark.parametrize("missing", build_native.MODULES)
def test_what_is_there_in_part_is_not_used(missing):
    def found(name):
        return None if name == f"native.{missing}" else find_spec(name)

    with mock.patch.object(native, "find_spec", found):
        assert not native.is_up_to_date()


class _App:
    def __init__(self):
        self.warnings = []

    def display_warning(self, text):
        self.warnings.append(text)


@pytest.mark.parametrize("error", [FileNotFoundError("gcc"), SystemExit(1), ImportError("Cython")])
def test_without_a_compiler_it_is_installed_and_says_so(error):
    hook, data = mock.Mock(app=_App()), {}
    with mock.patch.object(build_native, "build", side_effect=error):
        build_native.NativeHook.initialize(hook, "standard", data)
    assert not data
    (said,) = hook.app.warnings
    assert "Operator action" in said
