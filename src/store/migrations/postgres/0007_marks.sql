-- By what each key is known again that the ledger was written with: what this key alone makes, or opens. A key is `hash`, or
-- `seal:` and the id of a sealing key.
CREATE TABLE marks (
    key  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    mark BYTEA NOT NULL
);
