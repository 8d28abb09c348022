-- Notices wait in queues, by channel and urgency. What has the same `fold` may go in one message; what went in one has the
-- same `batch`, so that a repeat is the same message.
ALTER TABLE outbox ADD COLUMN channel TEXT NOT NULL DEFAULT 'mail';
ALTER TABLE outbox ADD COLUMN fold TEXT;
ALTER TABLE outbox ADD COLUMN batch INTEGER;
DROP INDEX outbox_due;
CREATE INDEX outbox_due ON outbox (channel, urgency, due_at, id) WHERE state = 'due';
CREATE INDEX outbox_waiting ON outbox (channel, urgency, created_at) WHERE state = 'due';
CREATE INDEX outbox_dead ON outbox (channel, urgency) WHERE state = 'dead';
CREATE INDEX outbox_fold ON outbox (fold, due_at, id) WHERE state = 'due' AND batch IS NULL AND fold IS NOT NULL;
CREATE INDEX outbox_batch ON outbox (batch) WHERE batch IS NOT NULL;
CREATE INDEX outbox_settled ON outbox (settled_at) WHERE state <> 'due';

-- Of what may be folded: how long its window is, and when that ends. Whatever comes before its end waits for it.
CREATE TABLE folds (
    fold  TEXT    NOT NULL PRIMARY KEY,
    span  INTEGER NOT NULL,
    until INTEGER NOT NULL
);
CREATE INDEX folds_until ON folds (until);

-- What was said, and is to be said once only: keyed hashes.
CREATE TABLE said (
    key TEXT    NOT NULL PRIMARY KEY,
    at  INTEGER NOT NULL
);
CREATE INDEX said_at ON said (at);

-- The addresses that open changes give. The mailbox is the address without `+tag`, in lower case: a keyed hash.
CREATE TABLE wanted (
    intent   INTEGER NOT NULL REFERENCES intents (id),
    instance TEXT    NOT NULL,
    mailbox  TEXT    NOT NULL,
    PRIMARY KEY (intent, mailbox)
);
CREATE INDEX wanted_mailboxes ON wanted (instance, mailbox);
ALTER TABLE addresses ADD COLUMN mailbox TEXT;
CREATE INDEX mailboxes_in_use ON addresses (instance, mailbox) WHERE is_now = 1;

CREATE INDEX counts_at ON counts (at);
