-- Weights that were committed to a subnet and are not yet revealed: their secret
-- is here before the chain hears of them. The record is the chain client's own.

-- +goose Up
CREATE TABLE ledger_commits (
    hash   BYTEA PRIMARY KEY,
    record BYTEA NOT NULL
);

-- +goose Down
DROP TABLE ledger_commits;
