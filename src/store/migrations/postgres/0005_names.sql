-- What a person is known by besides the id: the target that `CreateUser` has, by Username. Keyed hashes, as everywhere.
CREATE TABLE names (
    person TEXT COLLATE "C" NOT NULL,
    name   TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (person, name)
);

-- Room that is given back when the disk is full (`store::ballast`). A row is a page.
CREATE TABLE ballast (
    bytes BYTEA NOT NULL
);
ALTER TABLE ballast ALTER COLUMN bytes SET STORAGE PLAIN;
