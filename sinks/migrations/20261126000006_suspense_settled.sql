-- migrate:up

-- Who decided what becomes of a record in suspense, when and why: the first decision holds. It is
-- written with the raw record that carries it out; suspense_outcomes says that it came about.
CREATE TABLE suspense_decisions (
    suspense_id uuid PRIMARY KEY,
    decision    text NOT NULL CHECK (decision IN ('recycled', 'written_off')),
    decided_by  text NOT NULL,
    because     text NOT NULL,
    command_id  text NOT NULL,  -- in the outbox
    decided_at  timestamptz NOT NULL DEFAULT now()
);

-- Usage that comes back is no command: its raw record has the headers of the first one.
ALTER TABLE command_outbox ADD COLUMN headers json;  -- [[name, base64 of the value], ...]

-- Of what came back and was refused again: the record in suspense that it was.
ALTER TABLE suspense ADD COLUMN recycles uuid;
CREATE INDEX suspense_by_recycles ON suspense (recycles) WHERE recycles IS NOT NULL;

DO $$
DECLARE
    role text := current_schema() || '_runtime';
BEGIN
    EXECUTE format('GRANT SELECT, INSERT ON %I TO %I', 'suspense_decisions', role);
    -- The proof that settles a record and the charge that it comes to are loaded in any order.
    EXECUTE format('GRANT UPDATE (charge_id) ON suspense_outcomes TO %I', role);
END $$;

-- migrate:down
DO $$
BEGIN
    EXECUTE format('REVOKE UPDATE (charge_id) ON suspense_outcomes FROM %I',
                   current_schema() || '_runtime');
END $$;
DROP INDEX suspense_by_recycles;
ALTER TABLE suspense DROP COLUMN recycles;
ALTER TABLE command_outbox DROP COLUMN headers;
DROP TABLE suspense_decisions;
