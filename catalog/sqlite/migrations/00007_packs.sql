-- Small objects that share segments. A pack is an object of the bucket without a
-- name, which nobody sees; a slice says where in a pack an object lies.

-- +goose Up
INSERT INTO buckets (name, created, versioned, meta) VALUES ('', 0, 0, '{}');

CREATE TABLE slices (
    object_id   BYTEA  PRIMARY KEY REFERENCES objects (id),
    pack_id     BYTEA  NOT NULL REFERENCES objects (id),
    start       BIGINT NOT NULL,
    length      BIGINT NOT NULL,
    wrapped_key BYTEA  NOT NULL,
    key_id      TEXT   NOT NULL
);
CREATE INDEX slices_pack ON slices (pack_id);

-- +goose Down
DROP TABLE slices;
DELETE FROM buckets WHERE name = '';
