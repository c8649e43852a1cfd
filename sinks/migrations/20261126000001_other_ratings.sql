-- migrate:up

-- What the usage of a charge comes to under other plans: what it costs, what a reseller pays. None
-- where it is rated under its own plan alone. json, not jsonb: kept as it came, with all places.
ALTER TABLE rated_usage ADD COLUMN other_ratings json;

-- migrate:down
ALTER TABLE rated_usage DROP COLUMN other_ratings;
