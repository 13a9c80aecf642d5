-- Whether a miner leaves is in its score. Backups that were made before name the
-- column still, and are read without it.

-- +goose Up
ALTER TABLE ledger_miners DROP COLUMN leaving;

-- +goose Down
ALTER TABLE ledger_miners ADD COLUMN leaving BIGINT NOT NULL DEFAULT 0;
