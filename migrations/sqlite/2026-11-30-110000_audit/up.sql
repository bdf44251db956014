-- Who changed what others may do or what is sent; nothing of it is ever changed. act holds the numbers of src/domain/audit.rs.
CREATE TABLE audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  act INTEGER NOT NULL,
  owner_id INTEGER,
  subject TEXT NOT NULL
) STRICT;
CREATE INDEX audit_owner ON audit (owner_id, id);
