-- migrate:up

-- The unique guard: what is here is charged, once. Postgres refuses a unique charge_id on a table
-- that is partitioned by period, hence a table of its own.
CREATE TABLE charges (
    charge_id        uuid PRIMARY KEY,
    bill_period      timestamptz NOT NULL,
    content_hash     bytea NOT NULL,
    ledger_partition integer NOT NULL,
    ledger_offset    bigint NOT NULL
) PARTITION BY HASH (charge_id);

CREATE TABLE charges_0 PARTITION OF charges FOR VALUES WITH (MODULUS 8, REMAINDER 0);
CREATE TABLE charges_1 PARTITION OF charges FOR VALUES WITH (MODULUS 8, REMAINDER 1);
CREATE TABLE charges_2 PARTITION OF charges FOR VALUES WITH (MODULUS 8, REMAINDER 2);
CREATE TABLE charges_3 PARTITION OF charges FOR VALUES WITH (MODULUS 8, REMAINDER 3);
CREATE TABLE charges_4 PARTITION OF charges FOR VALUES WITH (MODULUS 8, REMAINDER 4);
CREATE TABLE charges_5 PARTITION OF charges FOR VALUES WITH (MODULUS 8, REMAINDER 5);
CREATE TABLE charges_6 PARTITION OF charges FOR VALUES WITH (MODULUS 8, REMAINDER 6);
CREATE TABLE charges_7 PARTITION OF charges FOR VALUES WITH (MODULUS 8, REMAINDER 7);

-- A charge id that came again with other content. The load of that partition stands still until
-- somebody looked at it and set kept_first_by.
CREATE TABLE charge_conflicts (
    charge_id        uuid NOT NULL,
    ledger_partition integer NOT NULL,
    ledger_offset    bigint NOT NULL,
    first_partition  integer NOT NULL,
    first_offset     bigint NOT NULL,
    refused          json NOT NULL,
    seen_at          timestamptz NOT NULL DEFAULT now(),
    kept_first_by    text,
    PRIMARY KEY (ledger_partition, ledger_offset)
);

-- The charges of the ledger. numeric has no precision here: the places of an amount are part of
-- it (the set hash is over its text). json, not jsonb: kept as it came.
CREATE TABLE rated_usage (
    tenant            text NOT NULL,
    rating_key        text NOT NULL,
    sequence          bigint NOT NULL,
    charge_id         uuid NOT NULL,
    run               text NOT NULL,
    identity          uuid NOT NULL,
    account_id        text NOT NULL,
    subscription_id   text NOT NULL,
    product           text NOT NULL,
    product_type      text NOT NULL,
    usage_kind        text NOT NULL,
    source            text NOT NULL,
    record_id         text NOT NULL,
    started_at        timestamptz NOT NULL,
    origin            text,
    destination       text,
    used              numeric NOT NULL,
    billed            numeric NOT NULL,
    free              numeric NOT NULL,
    unit              text NOT NULL,
    amount            numeric NOT NULL,
    currency          text NOT NULL,
    usage_period      timestamptz NOT NULL,
    bill_period       timestamptz NOT NULL,
    catalogue_version bigint NOT NULL,
    price_id          text NOT NULL,
    explanation       json NOT NULL,
    counters_after    json NOT NULL,
    source_partition  integer NOT NULL,
    source_offset     bigint NOT NULL,
    raw_partition     integer NOT NULL,
    raw_offset        bigint NOT NULL,
    raw_index         integer NOT NULL,
    tax_code          text,
    recycles          uuid,
    corrects          uuid,
    job_id            text,
    attributes        json NOT NULL,
    ledger_partition  integer NOT NULL,
    ledger_offset     bigint NOT NULL,
    batch             bigint NOT NULL
) PARTITION BY RANGE (bill_period);

CREATE TABLE rated_usage_default PARTITION OF rated_usage DEFAULT;

CREATE INDEX rated_usage_by_sequence ON rated_usage (rating_key, sequence);
CREATE INDEX rated_usage_by_ledger ON rated_usage (ledger_partition, ledger_offset);

CREATE TABLE limit_reached (
    limit_reached_id   uuid PRIMARY KEY,
    tenant             text NOT NULL,
    rating_key         text NOT NULL,
    sequence           bigint NOT NULL,
    account_id         text NOT NULL,
    crossing_charge_id uuid NOT NULL,
    limits             json NOT NULL,
    invoice_up_to      bigint NOT NULL,
    invoice_scope      text NOT NULL,
    currency           text NOT NULL,
    occurred_at        timestamptz NOT NULL,
    bill_period        timestamptz NOT NULL,
    first_open_period  timestamptz NOT NULL,
    invoiced           json NOT NULL,
    ledger_partition   integer NOT NULL,
    ledger_offset      bigint NOT NULL,
    batch              bigint NOT NULL
);

CREATE TABLE period_closes (
    period_closed_id  uuid PRIMARY KEY,
    tenant            text NOT NULL,
    rating_key        text NOT NULL,
    sequence          bigint NOT NULL,
    account_id        text NOT NULL,
    period_start      timestamptz NOT NULL,
    period_end        timestamptz NOT NULL,
    first_open_period timestamptz NOT NULL,
    closed            json NOT NULL,
    ledger_partition  integer NOT NULL,
    ledger_offset     bigint NOT NULL,
    batch             bigint NOT NULL
);

-- The proofs of both stages; `document` is the whole of it, but for the changes of dedup state.
CREATE TABLE proofs (
    stage            text NOT NULL,
    source_topic     text NOT NULL,
    source_partition integer NOT NULL,
    batch            bigint NOT NULL,
    first_position   bigint NOT NULL,
    next_position    bigint NOT NULL,
    records          bigint NOT NULL,
    items            bigint NOT NULL,
    outcomes         json NOT NULL,
    refusals         json NOT NULL,
    charges          json NOT NULL,
    ledger_records   bigint NOT NULL,
    set_hash         text NOT NULL,
    suspense_count   bigint NOT NULL,
    suspense_hash    text NOT NULL,
    previous         text NOT NULL,
    chain            text NOT NULL,
    document         json NOT NULL,
    proof_offset     bigint NOT NULL,  -- where it lies in the ledger, or in normalise's proofs
    PRIMARY KEY (stage, source_topic, source_partition, batch)
);

-- migrate:down
DROP TABLE proofs;
DROP TABLE period_closes;
DROP TABLE limit_reached;
DROP TABLE rated_usage;
DROP TABLE charge_conflicts;
DROP TABLE charges;
