-- Whoever writes locks this table until its transaction ends, so that all replicas write one after another. It has no rows.
CREATE TABLE turn ();

-- Which process continues which chain, and until when it is its own, by the clock of the database: milliseconds since 1970.
-- Without an owner it is free.
CREATE TABLE chains (
    chain       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    owner       TEXT,
    lease_until BIGINT NOT NULL
);

-- The highest epoch of a policy that was in force on any replica. One row at most.
CREATE TABLE epochs (
    id    BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    epoch BIGINT NOT NULL
);
