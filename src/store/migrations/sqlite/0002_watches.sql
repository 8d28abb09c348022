-- Changes that Connect accepted, that are closed, and that no read has shown yet. What is left of their notices stays in
-- `held` until later reads have shown what became of them.
CREATE TABLE watches (
    intent      INTEGER NOT NULL PRIMARY KEY REFERENCES intents (id),
    owner       TEXT    NOT NULL,
    lease_until INTEGER NOT NULL,
    since       INTEGER NOT NULL
);
