-- migrate:up

-- Refused records, with their bytes. Rows are never changed: what became of one is in
-- suspense_outcomes, which may be loaded first, since it comes from another topic.
CREATE TABLE suspense (
    suspense_id      uuid PRIMARY KEY,
    stage            text NOT NULL,
    tenant           text NOT NULL,
    source           text NOT NULL,
    format           text NOT NULL,
    reason           text NOT NULL,
    detail           text NOT NULL,
    raw              bytea NOT NULL,
    raw_headers      json NOT NULL,  -- [[name, base64 of the value], ...]
    source_topic     text NOT NULL,  -- where the record lay that the stage read
    source_partition integer NOT NULL,
    source_offset    bigint NOT NULL,
    source_index     integer NOT NULL,
    appended_at      timestamptz NOT NULL,
    identity         uuid,
    attempts         integer NOT NULL
);

CREATE INDEX suspense_by_reason ON suspense (reason, source);
CREATE INDEX suspense_by_position ON suspense (source_topic, source_partition, source_offset);

CREATE TABLE suspense_outcomes (
    suspense_id uuid PRIMARY KEY,
    outcome     text NOT NULL CHECK (outcome IN ('recycled', 'written_off')),
    charge_id   uuid,
    decided_at  timestamptz NOT NULL DEFAULT now()
);

-- Copies of what was seen before. Their bytes are those of the first copy, so they are not kept.
CREATE TABLE duplicates (
    suspense_id      uuid PRIMARY KEY,
    stage            text NOT NULL,
    tenant           text NOT NULL,
    source           text NOT NULL,
    source_topic     text NOT NULL,
    source_partition integer NOT NULL,
    source_offset    bigint NOT NULL,
    source_index     integer NOT NULL,
    appended_at      timestamptz NOT NULL,
    identity         uuid,
    first_offset     bigint,  -- of the first copy, in the same partition
    first_index      integer
);

CREATE INDEX duplicates_by_position ON duplicates (source_topic, source_partition, source_offset);

-- migrate:down
DROP TABLE duplicates;
DROP TABLE suspense_outcomes;
DROP TABLE suspense;
