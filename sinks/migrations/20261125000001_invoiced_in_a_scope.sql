-- migrate:up

-- Up to which sequence a limit's scope is invoiced: of a busy account each invoice of a product would
-- otherwise look at everything that the account used since its last invoice as a whole.
CREATE INDEX invoice_requests_built ON invoice_requests (rating_key, invoice_scope, invoice_up_to)
    WHERE state = 'built';

-- migrate:down
DROP INDEX invoice_requests_built;
