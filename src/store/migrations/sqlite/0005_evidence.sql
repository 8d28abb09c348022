-- Parts of chains that are in files of their own, each bound by a record: those records may leave the store.
CREATE TABLE segments (
    chain       TEXT    NOT NULL,
    first       INTEGER NOT NULL CHECK (first > 0),
    last        INTEGER NOT NULL CHECK (last >= first),
    bound_chain TEXT    NOT NULL,
    bound_seq   INTEGER NOT NULL,
    PRIMARY KEY (chain, first)
);

-- Nothing else deletes a record.
DROP TRIGGER records_are_not_deleted;
CREATE TRIGGER records_are_not_deleted BEFORE DELETE ON records
WHEN NOT EXISTS (SELECT 1 FROM segments s WHERE s.chain = OLD.chain AND OLD.seq BETWEEN s.first AND s.last)
BEGIN SELECT RAISE(ABORT, 'records are not deleted'); END;

-- What refers to records is found by them when they leave.
CREATE INDEX intents_by_outcome ON intents (outcome_chain, outcome_seq) WHERE outcome_seq IS NOT NULL;
CREATE INDEX intents_closed ON intents (closed_at) WHERE state = 'closed';
CREATE INDEX outbox_by_record ON outbox (chain, seq);
CREATE INDEX outbox_of_person ON outbox (person) WHERE state = 'due';
CREATE INDEX sessions_by_record ON sessions (chain, seq);
CREATE INDEX freezes_by_record ON freezes (chain, seq);
CREATE INDEX freezes_by_lifting ON freezes (lifted_chain, lifted_seq) WHERE lifted_seq IS NOT NULL;
CREATE INDEX wanted_of_intent ON wanted (intent);
