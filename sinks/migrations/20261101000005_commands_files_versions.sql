-- migrate:up

-- Commands on their way to the raw topic, written in the transaction that decides them.
CREATE TABLE command_outbox (
    position     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    command_id   text NOT NULL UNIQUE,
    tenant       text NOT NULL,
    stream       text NOT NULL,  -- the key of the raw record
    payload      bytea NOT NULL,
    decided_at   timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz
);

CREATE INDEX command_outbox_waiting ON command_outbox (position) WHERE published_at IS NULL;

-- Files that were read whole, by content: the same bytes under another name are the same file.
CREATE TABLE ingested_files (
    tenant      text NOT NULL,
    source      text NOT NULL,
    sha256      bytea NOT NULL,
    name        text NOT NULL,
    size_bytes  bigint NOT NULL,
    items       bigint NOT NULL,
    ingested_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, source, sha256)
);

-- Every published catalogue; the version is the offset of its marker in the catalogue topic.
CREATE TABLE catalogue_versions (
    version      bigint PRIMARY KEY,
    sha256       bytea NOT NULL,
    document     bytea NOT NULL,
    published_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE reference_versions (
    version      bigint PRIMARY KEY,
    accounts     bigint NOT NULL,
    published_at timestamptz NOT NULL DEFAULT now()
);

-- An account as each version left it; the newest one not after a version is in force there.
CREATE TABLE accounts (
    account_id text NOT NULL,
    version    bigint NOT NULL REFERENCES reference_versions (version),
    tenant     text NOT NULL,
    name       text NOT NULL,
    document   json NOT NULL,
    PRIMARY KEY (account_id, version)
);

-- migrate:down
DROP TABLE accounts;
DROP TABLE reference_versions;
DROP TABLE catalogue_versions;
DROP TABLE ingested_files;
DROP TABLE command_outbox;
