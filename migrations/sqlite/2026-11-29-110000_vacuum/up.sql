-- SQLite has no vacuum that would have to keep up: an index entry that goes is gone.
SELECT 1;
