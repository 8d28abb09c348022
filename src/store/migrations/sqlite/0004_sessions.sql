-- Nonces that were spent: kept until they are worth nothing by themselves.
CREATE TABLE nonces (
    nonce TEXT    NOT NULL PRIMARY KEY,
    until INTEGER NOT NULL
);
CREATE INDEX nonces_until ON nonces (until);

-- Sessions that were issued: which record says so has everything else. `account` is the ARN without a session.
CREATE TABLE sessions (
    id      TEXT    NOT NULL PRIMARY KEY,
    chain   TEXT    NOT NULL,
    seq     INTEGER NOT NULL,
    account TEXT    NOT NULL,
    issued  INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    used    INTEGER,
    FOREIGN KEY (chain, seq) REFERENCES records (chain, seq)
);
CREATE INDEX sessions_of_account ON sessions (account, issued);
CREATE INDEX sessions_expire ON sessions (expires);

-- Freezes: in force until a record lifts them. The reason is sealed.
CREATE TABLE freezes (
    id           TEXT    NOT NULL PRIMARY KEY,
    chain        TEXT    NOT NULL,
    seq          INTEGER NOT NULL,
    scope        TEXT    NOT NULL,
    account      TEXT    NOT NULL,
    at           INTEGER NOT NULL,
    key_id       TEXT    NOT NULL,
    sealed       BLOB    NOT NULL,
    lifted_chain TEXT,
    lifted_seq   INTEGER,
    FOREIGN KEY (chain, seq) REFERENCES records (chain, seq),
    FOREIGN KEY (lifted_chain, lifted_seq) REFERENCES records (chain, seq)
);
CREATE INDEX freezes_in_force ON freezes (at, id) WHERE lifted_seq IS NULL;

-- Versions of the policy that were enforced. A file that is in several is there once; its text is sealed, or not kept.
CREATE TABLE policy_files (
    digest TEXT NOT NULL PRIMARY KEY,
    key_id TEXT,
    sealed BLOB
);
CREATE TABLE policy_versions (
    policy TEXT    NOT NULL,
    n      INTEGER NOT NULL,
    name   TEXT    NOT NULL,
    file   TEXT    NOT NULL REFERENCES policy_files (digest),
    PRIMARY KEY (policy, n)
);

-- What records are looked for by. Worked out from their bytes, so it says nothing else than they do.
ALTER TABLE records ADD COLUMN json TEXT
    AS (CASE WHEN json_valid(CAST(bytes AS TEXT)) THEN CAST(bytes AS TEXT) END) VIRTUAL;
ALTER TABLE records ADD COLUMN at TEXT AS (json_extract(json, '$.at')) VIRTUAL;
ALTER TABLE records ADD COLUMN kind TEXT AS (json_extract(json, '$.kind')) VIRTUAL;
ALTER TABLE records ADD COLUMN operation TEXT AS (json_extract(json, '$.operation')) VIRTUAL;
ALTER TABLE records ADD COLUMN principal TEXT AS (json_extract(json, '$.caller.principal')) VIRTUAL;
ALTER TABLE records ADD COLUMN subject TEXT AS (json_extract(json, '$.target.id[0]')) VIRTUAL;
ALTER TABLE records ADD COLUMN intent_chain TEXT AS (json_extract(json, '$.intent.chain')) VIRTUAL;
ALTER TABLE records ADD COLUMN intent_seq INTEGER AS (json_extract(json, '$.intent.seq')) VIRTUAL;
CREATE INDEX records_at ON records (at);
CREATE INDEX records_of_kind ON records (kind, at);
CREATE INDEX records_by_principal ON records (principal, at) WHERE principal IS NOT NULL;
CREATE INDEX records_of_subject ON records (subject, at) WHERE subject IS NOT NULL;
CREATE INDEX records_of_intent ON records (intent_chain, intent_seq) WHERE intent_seq IS NOT NULL;
