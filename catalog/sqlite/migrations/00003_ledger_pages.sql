-- Sectors in pages of successive numbers, packed (pages.go), because a validator
-- of a large network has millions; and the journal from which the audit log is
-- written. What a ledger of an earlier version knew of miners is learned anew:
-- sectors do not fit without their cohorts, nor cohorts without their sectors.

-- +goose Up
DROP TABLE ledger_sectors;
DELETE FROM ledger_partitions;
DELETE FROM ledger_miners;

CREATE TABLE ledger_pages (
    partition BIGINT NOT NULL REFERENCES ledger_partitions (id),
    page      BIGINT NOT NULL,
    sectors   BYTEA  NOT NULL,
    PRIMARY KEY (partition, page)
);

-- The shards of a sector that has any, in the manifest's own encoding.
CREATE TABLE ledger_shards (
    partition BIGINT NOT NULL REFERENCES ledger_partitions (id),
    number    BIGINT NOT NULL,
    shards    BYTEA  NOT NULL,
    PRIMARY KEY (partition, number)
);

-- The last row stays, so that seq never starts again.
CREATE TABLE ledger_journal (
    seq   BIGINT PRIMARY KEY,
    entry BYTEA  NOT NULL
);

-- +goose Down
DROP TABLE ledger_journal;
DROP TABLE ledger_shards;
DROP TABLE ledger_pages;
CREATE TABLE ledger_sectors (
    partition BIGINT NOT NULL REFERENCES ledger_partitions (id),
    number    BIGINT NOT NULL,
    entry     BYTEA  NOT NULL,
    cohort    BIGINT NOT NULL,
    checked   BIGINT NOT NULL,
    void      BIGINT NOT NULL,
    PRIMARY KEY (partition, number)
);
