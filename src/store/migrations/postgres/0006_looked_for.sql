-- What records of a caller, or of an operation, are looked for by besides.
CREATE INDEX records_by_principal_and_kind ON records (principal, kind, at, operation) WHERE principal IS NOT NULL;
CREATE INDEX records_of_operation ON records (operation, kind, at) WHERE operation IS NOT NULL;
