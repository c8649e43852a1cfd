"""What the workers' metrics tell of restores: a lower bound, never more than there were."""

from tests.chaos import watch as chaos_watch
from tests.chaos.watch import Numbers, Watch


class Announced:
    def __init__(self, pid):
        self.stage, self.pid, self.metrics_port = "rate", pid, 0


async def seen(watch, monkeypatch, folded):
    """Let the watch look once at workers, by pid, that say how many records they folded."""
    workers = [Announced(pid) for pid in folded]

    async def numbers(worker):
        return Numbers({}, {"rate/0": folded[worker.pid]}, {}, {})

    monkeypatch.setattr(chaos_watch, "announced_workers", lambda folder: workers)
    monkeypatch.setattr(chaos_watch, "_numbers", numbers)
    await watch.look()


async def restores(monkeypatch, *looks):
    watch = Watch(chaos_watch.Settings())
    for folded in looks:
        await seen(watch, monkeypatch, folded)
    return watch.restored()["rate/0"]


async def test_the_genesis_is_no_restore(monkeypatch):
    assert await restores(monkeypatch, {1: 0}, {1: 1}, {1: 1}) == 0


async def test_a_new_process_that_folds_has_restored(monkeypatch):
    assert await restores(monkeypatch, {1: 1}, {2: 0}, {2: 40}) == 1


async def test_one_long_restore_counts_once(monkeypatch):
    assert await restores(monkeypatch, {1: 1}, {2: 40}, {2: 400}, {2: 4_000}) == 1


async def test_a_later_restore_of_the_same_process_counts(monkeypatch):
    assert await restores(monkeypatch, {1: 1}, {2: 40}, {2: 7}) == 2


async def test_nothing_to_fold_is_no_restore(monkeypatch):
    assert await restores(monkeypatch, {1: 1}, {2: 0}) == 0
