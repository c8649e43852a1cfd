-- migrate:up

-- One request per limit_reached, in the transaction of its rows.
CREATE TABLE invoice_requests (
    request_id    uuid PRIMARY KEY REFERENCES limit_reached (limit_reached_id),
    tenant        text NOT NULL,
    rating_key    text NOT NULL,
    sequence      bigint NOT NULL,
    account_id    text NOT NULL,
    invoice_up_to bigint NOT NULL,
    invoice_scope text NOT NULL,
    state         text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'built')),
    requested_at  timestamptz NOT NULL DEFAULT now(),
    built_at      timestamptz
);

CREATE INDEX invoice_requests_pending ON invoice_requests (rating_key, sequence)
    WHERE state = 'pending';

-- Per rating key, the sequence up to which nothing is unbilled any more: where to start looking.
-- Its row is the lock under which the requests of one rating key are built in order.
CREATE TABLE invoiced_up_to (
    rating_key text PRIMARY KEY,
    sequence   bigint NOT NULL DEFAULT 0
);

-- The last invoice number of each company. The row stays locked until the invoice is committed, so
-- that a number is never skipped and never given twice.
CREATE TABLE invoice_series (
    tenant      text PRIMARY KEY,
    last_number bigint NOT NULL
);

CREATE TABLE invoices (
    invoice_id    uuid PRIMARY KEY,
    tenant        text NOT NULL,
    series_number bigint NOT NULL,
    number        text NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('immediate', 'periodic', 'credit')),
    account_id    text NOT NULL,
    request_id    uuid REFERENCES invoice_requests (request_id),
    scope         text NOT NULL,
    up_to         bigint NOT NULL,
    bill_period   timestamptz NOT NULL,
    usage_from    timestamptz NOT NULL,  -- of the first charge
    usage_to      timestamptz NOT NULL,  -- of the last one, inclusive
    currency      text NOT NULL,
    total         numeric NOT NULL,
    issued_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant, series_number),
    UNIQUE (request_id, currency)
);

CREATE INDEX invoices_by_account ON invoices (account_id, issued_at);

CREATE TABLE invoice_lines (
    invoice_id   uuid NOT NULL REFERENCES invoices (invoice_id),
    line         integer NOT NULL,
    product      text NOT NULL,
    product_type text NOT NULL,
    unit         text NOT NULL,
    tax_code     text,
    records      bigint NOT NULL,
    quantity     numeric NOT NULL,
    charges      numeric NOT NULL,  -- the exact sum
    amount       numeric NOT NULL,  -- that, rounded once to the places of the currency
    PRIMARY KEY (invoice_id, line)
);

-- A charge is on at most one invoice: the primary key says so.
CREATE TABLE invoice_charges (
    charge_id  uuid PRIMARY KEY REFERENCES charges (charge_id),
    invoice_id uuid NOT NULL,
    line       integer NOT NULL,
    position   integer NOT NULL,  -- on the line, in order of sequence
    FOREIGN KEY (invoice_id, line) REFERENCES invoice_lines (invoice_id, line)
);

CREATE INDEX invoice_charges_by_line ON invoice_charges (invoice_id, line, position);

-- migrate:down
DROP TABLE invoice_charges;
DROP TABLE invoice_lines;
DROP TABLE invoices;
DROP TABLE invoice_series;
DROP TABLE invoiced_up_to;
DROP TABLE invoice_requests;
