-- How far each stream has brought each chain to others, and who brings it: by a lease, milliseconds since 1970.
CREATE TABLE streams (
    stream      TEXT    NOT NULL,
    chain       TEXT    NOT NULL,
    seq         INTEGER NOT NULL CHECK (seq >= 0),
    owner       TEXT,
    lease_until INTEGER NOT NULL,
    PRIMARY KEY (stream, chain)
);
