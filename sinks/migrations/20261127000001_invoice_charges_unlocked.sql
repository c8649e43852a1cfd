-- migrate:up

-- A foreign key locks the row that it looks at, and writes that lock: for each charge of an invoice one
-- row of charges and one of invoice_lines, two fifths of what an invoice took. Both are there: the charges are
-- selected and the lines inserted in the transaction that inserts these rows, and no role of a worker may
-- delete any. `ratemill verify` looks for rows that point at nothing.
ALTER TABLE invoice_charges DROP CONSTRAINT invoice_charges_charge_id_fkey;
ALTER TABLE invoice_charges DROP CONSTRAINT invoice_charges_invoice_id_line_fkey;

-- migrate:down
ALTER TABLE invoice_charges
    ADD CONSTRAINT invoice_charges_charge_id_fkey
        FOREIGN KEY (charge_id) REFERENCES charges (charge_id),
    ADD CONSTRAINT invoice_charges_invoice_id_line_fkey
        FOREIGN KEY (invoice_id, line) REFERENCES invoice_lines (invoice_id, line);
