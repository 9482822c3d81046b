-- An upload proves by it that a file is what was planned. A file without one is read once more, as if it had changed.
ALTER TABLE media ADD COLUMN checksum TEXT NOT NULL DEFAULT '';
