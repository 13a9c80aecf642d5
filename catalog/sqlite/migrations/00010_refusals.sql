-- Shards that miners refused a gateway in another process, until the validator
-- has judged them; a miner's row is bounded by catalog.MaxRefusals. The column
-- leaving of ledger_miners is written no more: the score says it.

-- +goose Up
CREATE TABLE ledger_refusals (
    miner  BYTEA  PRIMARY KEY,
    shards BIGINT NOT NULL,
    noted  BIGINT NOT NULL -- Unix nanoseconds, of the last one
);

-- +goose Down
DROP TABLE ledger_refusals;
