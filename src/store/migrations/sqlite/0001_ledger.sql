-- The chain: the exact bytes of each record. Nothing here is ever changed or deleted.
CREATE TABLE records (
    chain TEXT    NOT NULL,
    seq   INTEGER NOT NULL CHECK (seq > 0),
    bytes BLOB    NOT NULL,
    PRIMARY KEY (chain, seq)
);
CREATE TRIGGER records_are_not_changed BEFORE UPDATE ON records
BEGIN SELECT RAISE(ABORT, 'records are not changed'); END;
CREATE TRIGGER records_are_not_deleted BEFORE DELETE ON records
BEGIN SELECT RAISE(ABORT, 'records are not deleted'); END;

-- Beside the chain: the data key of each person, sealed. Deleting a row erases what the chain holds of that person.
CREATE TABLE people (
    person TEXT NOT NULL PRIMARY KEY,
    token  TEXT NOT NULL UNIQUE,
    key_id TEXT NOT NULL,
    sealed BLOB NOT NULL
);

-- Intents and what became of them. `id` orders the intents of one target.
CREATE TABLE intents (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    chain         TEXT    NOT NULL,
    seq           INTEGER NOT NULL,
    target        TEXT    NOT NULL,
    state         TEXT    NOT NULL CHECK (state IN ('open', 'unknown', 'closed')),
    owner         TEXT    NOT NULL,
    lease_until   INTEGER NOT NULL,
    at            INTEGER NOT NULL,
    outcome_chain TEXT,
    outcome_seq   INTEGER,
    closed_at     INTEGER,
    answer_key_id TEXT,
    answer        BLOB,
    UNIQUE (chain, seq),
    FOREIGN KEY (chain, seq) REFERENCES records (chain, seq),
    FOREIGN KEY (outcome_chain, outcome_seq) REFERENCES records (chain, seq)
);
-- At most one open change of each target, across crashes and replicas.
CREATE UNIQUE INDEX one_open_change ON intents (target) WHERE state <> 'closed';
CREATE INDEX intents_of_target ON intents (target, id);
CREATE INDEX answers_kept ON intents (closed_at) WHERE answer IS NOT NULL;

-- What makes a second arrival the same attempt.
CREATE TABLE attempts (
    attempt TEXT    NOT NULL,
    mark    TEXT    NOT NULL,
    intent  INTEGER NOT NULL REFERENCES intents (id),
    PRIMARY KEY (attempt, mark)
);
CREATE INDEX attempts_of_intent ON attempts (intent);

-- Quotas are counted over intents.
CREATE TABLE counts (
    rule   TEXT    NOT NULL,
    subject TEXT   NOT NULL,
    at     INTEGER NOT NULL,
    intent INTEGER NOT NULL REFERENCES intents (id)
);
CREATE INDEX counts_by_rule ON counts (rule, subject, at);
CREATE INDEX counts_of_intent ON counts (intent);

-- Notices held until the outcome is known.
CREATE TABLE held (
    intent INTEGER NOT NULL REFERENCES intents (id),
    n      INTEGER NOT NULL,
    key_id TEXT    NOT NULL,
    sealed BLOB    NOT NULL,
    PRIMARY KEY (intent, n)
);

-- Notices to be delivered. Urgency 0 goes before 1.
CREATE TABLE outbox (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    chain       TEXT    NOT NULL,
    seq         INTEGER NOT NULL,
    person      TEXT    NOT NULL,
    urgency     INTEGER NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('due', 'delivered', 'dead')),
    due_at      INTEGER NOT NULL,
    claim_until INTEGER NOT NULL DEFAULT 0,
    attempts    INTEGER NOT NULL DEFAULT 0,
    created_at  INTEGER NOT NULL,
    settled_at  INTEGER,
    key_id      TEXT    NOT NULL,
    sealed      BLOB    NOT NULL,
    FOREIGN KEY (chain, seq) REFERENCES records (chain, seq)
);
CREATE INDEX outbox_due ON outbox (urgency, id) WHERE state = 'due';

-- Which addresses are, or were, whose: keyed hashes only.
CREATE TABLE addresses (
    target   TEXT    NOT NULL,
    exact    TEXT    NOT NULL,
    folded   TEXT    NOT NULL,
    instance TEXT    NOT NULL,
    is_now   INTEGER NOT NULL,
    was      INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (target, exact)
);
CREATE INDEX addresses_in_use ON addresses (instance, folded) WHERE is_now = 1;

-- Which sets of permissions a target was seen with, and when last.
CREATE TABLE permissions (
    target TEXT    NOT NULL,
    digest TEXT    NOT NULL,
    names  TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (target, digest)
);

-- One row, written anew to see whether the store can be written.
CREATE TABLE probe (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    at INTEGER NOT NULL
);
