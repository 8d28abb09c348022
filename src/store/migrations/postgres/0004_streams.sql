-- How far each stream has brought each chain to others, and who brings it: by a lease, milliseconds since 1970.
CREATE TABLE streams (
    stream      TEXT COLLATE "C" NOT NULL,
    chain       TEXT COLLATE "C" NOT NULL,
    seq         BIGINT NOT NULL CHECK (seq >= 0),
    owner       TEXT,
    lease_until BIGINT NOT NULL,
    PRIMARY KEY (stream, chain)
);
