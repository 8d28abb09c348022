-- What a person is known by besides the id: the target that `CreateUser` has, by Username. Keyed hashes, as everywhere.
CREATE TABLE names (
    person TEXT NOT NULL,
    name   TEXT NOT NULL,
    PRIMARY KEY (person, name)
);
