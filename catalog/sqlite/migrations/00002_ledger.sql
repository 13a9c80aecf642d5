-- What a validator has learned of miners: their score, manifests, and the
-- weights that followed. Times are nanoseconds since 1970 (UTC); 0 means unset.

-- +goose Up
CREATE TABLE ledger_miners (
    hotkey      BYTEA  PRIMARY KEY,
    score       TEXT   NOT NULL,
    next_cohort BIGINT NOT NULL,
    passed      BIGINT NOT NULL,
    failed      BIGINT NOT NULL,
    last_seen   BIGINT NOT NULL
);

CREATE TABLE ledger_partitions (
    id        BIGINT PRIMARY KEY,
    miner     BYTEA   NOT NULL,
    validator BYTEA   NOT NULL,
    head      BYTEA   NOT NULL
);
CREATE UNIQUE INDEX ledger_partitions_pair ON ledger_partitions (miner, validator);

-- entry is the manifest's own encoding (wire.Entry).
CREATE TABLE ledger_sectors (
    partition BIGINT NOT NULL REFERENCES ledger_partitions (id),
    number    BIGINT NOT NULL,
    entry     BYTEA  NOT NULL,
    cohort    BIGINT NOT NULL,
    checked   BIGINT NOT NULL,
    void      BIGINT NOT NULL,
    PRIMARY KEY (partition, number)
);

CREATE TABLE ledger_weights (
    block  BIGINT NOT NULL,
    uid    BIGINT NOT NULL,
    hotkey BYTEA  NOT NULL,
    credit BIGINT NOT NULL,
    value  BIGINT NOT NULL,
    PRIMARY KEY (block, uid)
);

-- +goose Down
DROP TABLE ledger_weights;
DROP TABLE ledger_sectors;
DROP TABLE ledger_partitions;
DROP TABLE ledger_miners;
