-- What the backup of the metadata needs: what has changed since the last one,
-- and how far that is. changes is written by triggers, so that no write can
-- forget it. It names an object ('o', origin = id, number 0), to be backed up
-- with all that is its own, one segment ('s'), or the buckets ('b'). A shard that has arrived is no
-- change: it may be taken for one on its way.

-- +goose Up
CREATE TABLE changes (
    kind   TEXT   NOT NULL,
    origin BYTEA  NOT NULL,
    number BIGINT NOT NULL,
    seq    BIGINT NOT NULL,
    PRIMARY KEY (kind, origin, number)
);
CREATE INDEX changes_seq ON changes (seq);

CREATE TABLE backup_state (
    id        BIGINT PRIMARY KEY,
    version   BIGINT NOT NULL,
    recovered BIGINT NOT NULL,
    data      BYTEA  NOT NULL
);
INSERT INTO backup_state (id, version, recovered, data) VALUES (1, 0, 0, '');

-- Shards that miners hold and the catalog does not know, found after a recovery:
-- they are kept until a time, and named in no object.
CREATE TABLE orphans (
    miner BYTEA  NOT NULL,
    root  BYTEA  NOT NULL,
    until BIGINT NOT NULL,
    PRIMARY KEY (miner, root)
);
CREATE TABLE orphan_imports (
    miner BYTEA PRIMARY KEY
);

-- +goose StatementBegin
CREATE TRIGGER objects_inserted AFTER INSERT ON objects WHEN NEW.state <> 'pending' AND NEW.bucket <> '.backup' BEGIN
    INSERT INTO changes (kind, origin, number, seq) VALUES ('o', NEW.id, 0, (SELECT COALESCE(MAX(seq), 0) + 1 FROM changes))
    ON CONFLICT (kind, origin, number) DO UPDATE SET seq = excluded.seq;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER objects_updated AFTER UPDATE ON objects WHEN NEW.state <> 'pending' AND NEW.bucket <> '.backup' BEGIN
    INSERT INTO changes (kind, origin, number, seq) VALUES ('o', NEW.id, 0, (SELECT COALESCE(MAX(seq), 0) + 1 FROM changes))
    ON CONFLICT (kind, origin, number) DO UPDATE SET seq = excluded.seq;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER objects_removed AFTER DELETE ON objects WHEN OLD.state <> 'pending' AND OLD.bucket <> '.backup' BEGIN
    INSERT INTO changes (kind, origin, number, seq) VALUES ('o', OLD.id, 0, (SELECT COALESCE(MAX(seq), 0) + 1 FROM changes))
    ON CONFLICT (kind, origin, number) DO UPDATE SET seq = excluded.seq;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER segments_updated AFTER UPDATE ON segments BEGIN
    INSERT INTO changes (kind, origin, number, seq) VALUES ('s', NEW.origin, NEW.number, (SELECT COALESCE(MAX(seq), 0) + 1 FROM changes))
    ON CONFLICT (kind, origin, number) DO UPDATE SET seq = excluded.seq;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER shards_updated AFTER UPDATE ON shards WHEN NEW.miner <> OLD.miner OR NEW.state = 'lost' AND OLD.state <> 'lost' BEGIN
    INSERT INTO changes (kind, origin, number, seq) VALUES ('s', NEW.origin, NEW.number, (SELECT COALESCE(MAX(seq), 0) + 1 FROM changes))
    ON CONFLICT (kind, origin, number) DO UPDATE SET seq = excluded.seq;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER slices_updated AFTER UPDATE ON slices BEGIN
    INSERT INTO changes (kind, origin, number, seq) VALUES ('o', NEW.object_id, 0, (SELECT COALESCE(MAX(seq), 0) + 1 FROM changes))
    ON CONFLICT (kind, origin, number) DO UPDATE SET seq = excluded.seq;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER buckets_inserted AFTER INSERT ON buckets WHEN NEW.name <> '.backup' BEGIN
    INSERT INTO changes (kind, origin, number, seq) VALUES ('b', '', 0, (SELECT COALESCE(MAX(seq), 0) + 1 FROM changes))
    ON CONFLICT (kind, origin, number) DO UPDATE SET seq = excluded.seq;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER buckets_updated AFTER UPDATE ON buckets WHEN NEW.name <> '.backup' BEGIN
    INSERT INTO changes (kind, origin, number, seq) VALUES ('b', '', 0, (SELECT COALESCE(MAX(seq), 0) + 1 FROM changes))
    ON CONFLICT (kind, origin, number) DO UPDATE SET seq = excluded.seq;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER buckets_removed AFTER DELETE ON buckets WHEN OLD.name <> '.backup' BEGIN
    INSERT INTO changes (kind, origin, number, seq) VALUES ('b', '', 0, (SELECT COALESCE(MAX(seq), 0) + 1 FROM changes))
    ON CONFLICT (kind, origin, number) DO UPDATE SET seq = excluded.seq;
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER buckets_removed;
DROP TRIGGER buckets_updated;
DROP TRIGGER buckets_inserted;
DROP TRIGGER slices_updated;
DROP TRIGGER shards_updated;
DROP TRIGGER segments_updated;
DROP TRIGGER objects_removed;
DROP TRIGGER objects_updated;
DROP TRIGGER objects_inserted;
DROP TABLE orphan_imports;
DROP TABLE orphans;
DROP TABLE backup_state;
DROP TABLE changes;
