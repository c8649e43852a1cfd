-- migrate:up

-- Which installation these tables belong to: one row, written with the genesis.
CREATE TABLE installation (
    only_one      boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    installation  text NOT NULL,
    cluster_id    text NOT NULL,
    genesis_id    text NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT now()
);

-- How far each topic partition is loaded. A row is inserted once, from the genesis; a load moves it
-- on by compare-and-set, as the first statement of its transaction.
CREATE TABLE progress (
    installation  text NOT NULL,
    topic         text NOT NULL,
    partition     integer NOT NULL,
    genesis_id    text NOT NULL,
    next_position bigint NOT NULL,  -- offset of the next record to load
    batch         bigint NOT NULL,  -- number of the last proof loaded; 0: the genesis
    chain         text NOT NULL,    -- of that proof; empty for a topic without proofs
    source_next   bigint NOT NULL,  -- `next` of that proof
    moved_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (installation, topic, partition)
) WITH (fillfactor = 20);  -- a few rows that change at every batch: the new version fits the page

-- migrate:down
DROP TABLE progress;
DROP TABLE installation;
