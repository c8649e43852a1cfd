"""The state folder of a worker, held by a lock."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.slots import take_slot
from pipeline.state import FORMAT, Folded, StateLocked, StateStore, StateUnavailable
from pipeline.state_folder import open_state


async def test_workers_started_by_hand_take_the_first_free_slot(tmp_path: Path) -> None:
    slots = [await take_slot(tmp_path, wanted=None, wait_s=0) for _ in range(3)]
    assert [slot.number for slot in slots] == [0, 1, 2]
    assert len({slot.folder for slot in slots}) == 3
    slots[1].release()
    again = await take_slot(tmp_path, wanted=None, wait_s=0)
    assert (again.number, again.folder) == (1, slots[1].folder)
    for slot in (slots[0], slots[2], again):
        slot.release()


async def test_a_supervised_worker_gets_its_own_slot_back(tmp_path: Path) -> None:
    first = await take_slot(tmp_path, wanted=3, wait_s=0)
    first.release()
    second = await take_slot(tmp_path, wanted=3, wait_s=0)
    assert (second.number, second.folder) == (3, first.folder)
    second.release()


async def test_a_slot_that_is_held_is_not_shared_but_left_for_one_of_ones_own(
    tmp_path: Path,
) -> None:
    """Its number is not the wanted one, by which the worker knows not to use the static id."""
    held = await take_slot(tmp_path, wanted=3, wait_s=0)
    other = await take_slot(tmp_path, wanted=3, wait_s=0)
    assert other.number >= 1_000
    assert other.folder != held.folder
    held.release()
    other.release()


async def test_locked_state_is_rebuilt_in_a_new_folder_and_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "rate-0"
    held = StateStore(folder)
    held.write([(b"k", b"held")], _FOLDED)
    with pytest.raises(StateLocked):
        StateStore(folder)
    aside = await open_state(folder, wait_s=0)
    assert aside.folded is None, "it is empty, so it is rebuilt from the changelog"
    aside.write([(b"k", b"aside")], _FOLDED)
    third = await open_state(folder, wait_s=0)
    assert third.folded is None
    assert held.get_many([b"k"]) == {b"k": b"held"}
    for store in (held, aside, third):
        store.close()
    again = await open_state(folder, wait_s=0)
    assert again.get_many([b"k"]) == {b"k": b"held"}
    again.close()


_FOLDED = Folded(FORMAT, "cluster", "genesis", 5, "0" * 32)


def test_state_and_position_are_written_together_and_cleared_together(tmp_path: Path) -> None:
    store = StateStore(tmp_path / "state")
    assert store.folded is None
    store.write([(b"a", b"1"), (b"b", b"2")], _FOLDED)
    store.write([(b"a", None)], Folded(FORMAT, "cluster", "genesis", 7, "1" * 32))
    store.close()
    store = StateStore(tmp_path / "state")
    assert dict(store.items()) == {b"b": b"2"}
    assert store.get_many([b"a", b"b"]) == {b"b": b"2"}
    assert store.folded is not None
    assert store.folded.next_offset == 7
    store.clear()
    assert store.folded is None
    assert dict(store.items()) == {}
    store.close()


def test_state_of_another_format_counts_as_empty(tmp_path: Path) -> None:
    store = StateStore(tmp_path / "state")
    store.write([], Folded(FORMAT + 1, "cluster", "genesis", 5, "0" * 32))
    assert store.folded is None
    store.close()


async def test_a_damaged_state_is_explained_and_never_taken_for_a_locked_one(
    tmp_path: Path,
) -> None:
    """A path may have the word in it; who waited for a lock there would wait for ever."""
    folder = tmp_path / "a-lock-in-the-name"
    store = StateStore(folder)
    store.write([(b"k", b"v")], _FOLDED)
    store.close()
    (folder / "CURRENT").unlink()
    (folder / "CURRENT").mkdir()
    with pytest.raises(StateUnavailable, match="Operator action"):
        await open_state(folder, wait_s=0)


def test_closing_raises_nothing(tmp_path: Path) -> None:
    """It would take the place of the error, or of the cancellation, that ended the session."""
    store = StateStore(tmp_path / "state")
    store.close()
    store.close()
    with pytest.raises(StateUnavailable):
        store.get_many([b"k"])
    with pytest.raises(StateUnavailable):
        _ = store.folded


async def test_a_slot_joins_its_group_under_one_id_for_ever_and_no_other_folder_has_it(tmp_path):
    """Two holders of one static id would displace each other for ever."""

    async def member(folder):
        slot = await take_slot(folder, wanted=0, wait_s=0)
        try:
            return slot.member_id(installation="acme", stage="rate")
        finally:
            slot.release()

    here = await member(tmp_path / "here")
    assert await member(tmp_path / "here") == here
    assert await member(tmp_path / "there") != here
