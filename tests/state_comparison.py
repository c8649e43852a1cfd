"""Two states of one partition of normalise, of which one may have been pruned."""

from mediation.changes import DAY_KEY, MARK_KEY, day_key, first_kept_day, identities_of
from mediation.dedup import mark_from_bytes


def assert_same_but_pruned(found, expected, *, window, appended_at_ms):
    """Assert that ``found`` is ``expected`` without marks, and entries of the index for them,
    that no record appended at an instant or later can ask for; nothing is more or otherwise."""
    end = day_key(first_kept_day(window, appended_at_ms=appended_at_ms), batch=0)
    for key, value in found.items():
        if key[:1] == DAY_KEY and key < end:
            assert set(identities_of(value)) <= set(identities_of(expected[key]))
        else:
            assert value == expected[key], key
    for key in expected.keys() - found.keys():
        if key[:1] == MARK_KEY:
            mark = mark_from_bytes(expected[key])
            assert window.may_prune(mark, appended_at_ms=appended_at_ms), mark
        else:
            assert key[:1] == DAY_KEY, key
            assert key < end, key
    indexed = {
        identity
        for key, value in found.items()
        if key[:1] == DAY_KEY
        for identity in identities_of(value)
    }
    lost = {key for key in found if key[:1] == MARK_KEY} - indexed
    assert not lost, "marks that no pruning would find any more"
