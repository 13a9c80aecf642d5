-- When a committed object was deleted: its rows stay until it can come back no
-- more. 0 for what never was committed, which goes with its last shard.

-- +goose Up
ALTER TABLE objects ADD COLUMN deleted_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX objects_deleted ON objects (deleted_at) WHERE deleted_at > 0;

-- +goose Down
DROP INDEX objects_deleted;
ALTER TABLE objects DROP COLUMN deleted_at;
