-- Proofs of fraud by others that a validator has acted on. One for each kind and
-- sector: another proof of the same changes nothing.

-- +goose Up
CREATE TABLE ledger_frauds (
    miner     BYTEA  NOT NULL,
    validator BYTEA  NOT NULL,
    number    BIGINT NOT NULL,
    kind      BIGINT NOT NULL,
    block     BIGINT NOT NULL,
    proof     BYTEA  NOT NULL,
    PRIMARY KEY (miner, validator, number, kind)
);

-- +goose Down
DROP TABLE ledger_frauds;
