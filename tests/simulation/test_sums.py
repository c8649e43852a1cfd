"""A long run of seeds is kept in parts, and goes on after those that are there."""

import json
from collections import Counter

from tests.simulation import sums
from tests.simulation.simulate import Outcome
from tests.simulation.sums import Kept, Sums


def outcome(seed, *, wrong=None):
    bitten = Counter({"kill fence.before": 1, "append late": seed})
    return Outcome(seed, (), bitten, 2, 1, 0, 0, 10.0, "0" * 16, (), wrong)


def report(seeds, *, wrong=()):
    part = Sums()
    for seed in seeds:
        part.add(outcome(seed, wrong="lost" if seed in wrong else None))
    return part.report(first=seeds.start)


def test_parts_that_are_kept_are_not_missing_and_the_sum_is_that_of_one_run(tmp_path, monkeypatch):
    monkeypatch.setattr(sums, "PART_SEEDS", 4)
    kept, seeds = Kept(tmp_path), range(10, 20)
    assert list(kept.missing(seeds)) == [range(10, 14), range(14, 18), range(18, 20)]
    kept.keep(range(14, 18), report(range(14, 18)), began_s=0.0)
    assert list(kept.missing(seeds)) == [range(10, 14), range(18, 20)]
    for part in kept.missing(seeds):
        kept.keep(part, report(part), began_s=0.0)
    assert not list(kept.missing(seeds))
    assert kept.sum(seeds).report(first=10) == report(seeds)
    whole = json.loads((tmp_path / "simulation.json").read_text())
    assert whole["seeds"] == 10
    assert whole["command"] == "python -m tests.simulation --seeds 10 --first 10"


def test_a_part_that_was_not_exact_is_run_again(tmp_path):
    kept, seeds = Kept(tmp_path), range(4)
    kept.keep(seeds, report(seeds, wrong={2}), began_s=0.0)
    assert kept.sum(seeds).not_exact == [2]
    assert list(kept.missing(seeds)) == [seeds]
