-- The index of one disk: what lies in its sector files. It is the authority;
-- headers in hashes files and partition.json follow it.
CREATE TABLE meta (
    only    INTEGER PRIMARY KEY CHECK (only = 1),
    miner   BLOB    NOT NULL,
    genesis BLOB    NOT NULL,
    netuid  INTEGER NOT NULL,
    blocks  INTEGER NOT NULL,
    passes  INTEGER NOT NULL
);

CREATE TABLE partitions (
    validator  BLOB    PRIMARY KEY,
    target     INTEGER NOT NULL DEFAULT 0, -- sectors wanted on this disk
    head       BLOB,                       -- last signed manifest head
    superblock BLOB                        -- the validator's record
) WITHOUT ROWID;

CREATE TABLE sectors (
    validator BLOB    NOT NULL,
    number    INTEGER NOT NULL,
    slot      INTEGER,                     -- place in the data file; NULL: released
    state     INTEGER NOT NULL,            -- 0 queued, else as in a manifest
    root      BLOB    NOT NULL,            -- zero until first sealed
    tail      INTEGER NOT NULL DEFAULT 0,  -- first leaf of intact filler
    changed   INTEGER NOT NULL DEFAULT 0,  -- sequence of the head that shows it
    hash      BLOB,                        -- of the manifest entry; NULL: to be computed
    shards    INTEGER NOT NULL DEFAULT 0,  -- rows in shards
    live      INTEGER NOT NULL DEFAULT 0,  -- their bytes
    used      INTEGER NOT NULL DEFAULT 0,  -- end of the last shard ever committed
    PRIMARY KEY (validator, number)
) WITHOUT ROWID;
CREATE UNIQUE INDEX sectors_slot ON sectors (validator, slot) WHERE slot IS NOT NULL;

CREATE TABLE shards (
    id        INTEGER PRIMARY KEY,
    validator BLOB    NOT NULL,
    root      BLOB    NOT NULL,
    number    INTEGER NOT NULL,            -- of the sector
    start     INTEGER NOT NULL,            -- byte offset in the sector
    length    INTEGER NOT NULL,            -- bytes
    sequence  INTEGER NOT NULL,            -- of the receipt
    created   INTEGER NOT NULL,            -- unix nanoseconds
    deleted   INTEGER NOT NULL DEFAULT 0   -- unix nanoseconds; 0: live
);
CREATE UNIQUE INDEX shards_root ON shards (validator, root);
CREATE INDEX shards_sector ON shards (validator, number, start);
CREATE INDEX shards_deleted ON shards (deleted) WHERE deleted > 0;

-- What only openings and manifests need, apart, so that lists of shards stay small.
CREATE TABLE trees (
    id    INTEGER PRIMARY KEY REFERENCES shards (id) ON DELETE CASCADE,
    nodes BLOB NOT NULL,                   -- of the shard's BLAKE3 tree
    orders BLOB                       -- the validator's signed order, if any
);
