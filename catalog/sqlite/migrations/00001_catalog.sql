-- Metadata of buckets, objects, segments and shards. The SQL is portable: SQLite
-- reads BYTEA as any other type name and keeps blobs as they are.
-- Times are nanoseconds since 1970 (UTC); 0 means unset.

-- +goose Up
CREATE TABLE buckets (
    name      TEXT   PRIMARY KEY,
    created   BIGINT NOT NULL,
    versioned BIGINT NOT NULL,
    meta      TEXT   NOT NULL
);

-- One row for each version of a key, for each part of an upload and for each
-- upload. object_key is a blob so that it sorts by bytes everywhere.
CREATE TABLE objects (
    id           BYTEA  PRIMARY KEY,
    bucket       TEXT   NOT NULL REFERENCES buckets (name),
    object_key   BYTEA  NOT NULL,
    state        TEXT   NOT NULL,
    is_current   BIGINT NOT NULL DEFAULT 0,
    version      BIGINT NOT NULL DEFAULT 0,
    size         BIGINT NOT NULL DEFAULT 0,
    digest       BYTEA  NOT NULL,
    content_type TEXT   NOT NULL,
    meta         TEXT   NOT NULL,
    created      BIGINT NOT NULL,
    modified     BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX objects_current ON objects (bucket, object_key) WHERE is_current = 1;
CREATE INDEX objects_versions ON objects (bucket, object_key, version);
CREATE INDEX objects_unfinished ON objects (state, created) WHERE state <> 'committed';

CREATE TABLE upload_parts (
    upload_id BYTEA  NOT NULL REFERENCES objects (id),
    number    BIGINT NOT NULL,
    object_id BYTEA  NOT NULL REFERENCES objects (id),
    PRIMARY KEY (upload_id, number)
);

-- A segment stays under the (origin, number) that it was sealed under; object_id
-- and seq say where it belongs now.
CREATE TABLE segments (
    origin      BYTEA  NOT NULL,
    number      BIGINT NOT NULL,
    object_id   BYTEA  NOT NULL REFERENCES objects (id),
    seq         BIGINT NOT NULL,
    codec       TEXT   NOT NULL,
    k           BIGINT NOT NULL,
    total       BIGINT NOT NULL,
    success     BIGINT NOT NULL,
    size        BIGINT NOT NULL,
    wrapped_key BYTEA  NOT NULL,
    key_id      TEXT   NOT NULL,
    PRIMARY KEY (origin, number)
);
CREATE UNIQUE INDEX segments_order ON segments (object_id, seq);

CREATE TABLE shards (
    origin BYTEA  NOT NULL,
    number BIGINT NOT NULL,
    idx    BIGINT NOT NULL,
    miner  BYTEA  NOT NULL,
    root   BYTEA  NOT NULL,
    length BIGINT NOT NULL,
    state  TEXT   NOT NULL,
    PRIMARY KEY (origin, number, idx)
);
CREATE INDEX shards_miner ON shards (miner, root);

-- object_id is the object whose rows go with the last deletion; its rows may
-- already be gone.
CREATE TABLE deletions (
    miner        BYTEA  NOT NULL,
    root         BYTEA  NOT NULL,
    object_id    BYTEA  NOT NULL,
    attempts     BIGINT NOT NULL DEFAULT 0,
    next_attempt BIGINT NOT NULL,
    PRIMARY KEY (miner, root)
);
CREATE INDEX deletions_due ON deletions (next_attempt);
CREATE INDEX deletions_object ON deletions (object_id);

CREATE TABLE gateway_keys (
    id        TEXT   PRIMARY KEY,
    created   BIGINT NOT NULL,
    check_sum BYTEA  NOT NULL
);

-- +goose Down
DROP TABLE gateway_keys;
DROP TABLE deletions;
DROP TABLE shards;
DROP TABLE segments;
DROP TABLE upload_parts;
DROP TABLE objects;
DROP TABLE buckets;
