-- migrate:up

-- What corrects a charge, or takes it back: asked for by the charge's id. Few charges have one.
CREATE INDEX rated_usage_by_corrects ON rated_usage (corrects) WHERE corrects IS NOT NULL;

-- migrate:down
DROP INDEX rated_usage_by_corrects;
