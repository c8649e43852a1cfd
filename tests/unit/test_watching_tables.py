"""What is forgotten of one partition is gone from its disk, and from no other."""

from __future__ import annotations

import faust

from pipeline.watching.tables import local_table


async def test_a_key_is_removed_from_one_partition(tmp_path):
    app = faust.App(
        "one.watch",
        broker="kafka://127.0.0.1:1",
        store="rocksdb://?driver=rocksdict",
        datadir=tmp_path,
        web_enabled=False,
    )
    table = local_table(app, "sources", source=app.topic("proofs"))
    store = table.data
    for partition in (0, 1):
        for key in ("a", "b"):
            store._db_for_partition(partition).put(
                store._encode_key(key), store._encode_value([partition])
            )
    table.forget("a", partition=0)
    assert [dict(table.rows(partition)) for partition in (0, 1)] == [
        {"b": [0]},
        {"a": [1], "b": [1]},
    ]
