-- migrate:up

-- What the workers may do: add and read. The role is named after the schema, so that several
-- installations live in one cluster; its name is why this is a DO block.
DO $$
DECLARE
    role text := current_schema() || '_runtime';
    item text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN', role);
    END IF;
    IF NOT pg_has_role(current_user, role, 'SET') THEN
        EXECUTE format('GRANT %I TO %I WITH SET TRUE', role, current_user);
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), role);
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO %I', current_database(), role);
    FOREACH item IN ARRAY ARRAY[
        'installation', 'progress', 'charges', 'charge_conflicts', 'rated_usage', 'limit_reached',
        'period_closes', 'proofs', 'suspense', 'suspense_outcomes', 'duplicates',
        'invoice_requests', 'invoiced_up_to', 'invoice_series', 'invoices', 'invoice_lines',
        'invoice_charges', 'command_outbox', 'ingested_files', 'catalogue_versions',
        'reference_versions', 'accounts'
    ] LOOP
        EXECUTE format('GRANT SELECT, INSERT ON %I TO %I', item, role);
    END LOOP;
    -- Changed in place: how far things are, never what was charged or invoiced.
    EXECUTE format('GRANT UPDATE (next_position, batch, chain, source_next, moved_at)
                    ON progress TO %I', role);
    EXECUTE format('GRANT UPDATE (state, built_at) ON invoice_requests TO %I', role);
    EXECUTE format('GRANT UPDATE (sequence) ON invoiced_up_to TO %I', role);
    EXECUTE format('GRANT UPDATE (last_number) ON invoice_series TO %I', role);
    EXECUTE format('GRANT UPDATE (published_at) ON command_outbox TO %I', role);
END $$;

-- migrate:down
DO $$
BEGIN
    EXECUTE format('DROP OWNED BY %I', current_schema() || '_runtime');
    EXECUTE format('DROP ROLE %I', current_schema() || '_runtime');
END $$;
