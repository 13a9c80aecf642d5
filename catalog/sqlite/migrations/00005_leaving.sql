-- Whether a miner has said that it wants to go.

-- +goose Up
ALTER TABLE ledger_miners ADD COLUMN leaving BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE ledger_miners DROP COLUMN leaving;
