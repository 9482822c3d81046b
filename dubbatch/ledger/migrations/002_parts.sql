-- Which batch's run left a part, so that one that nothing will finish is cleared away; and, once it has
-- passed the checks, what is in it: a run that is killed before the rename is recorded fetches nothing again.
ALTER TABLE parts ADD COLUMN batch TEXT NOT NULL DEFAULT '';
ALTER TABLE parts ADD COLUMN sha256 TEXT NOT NULL DEFAULT '';
ALTER TABLE parts ADD COLUMN duration_s REAL;
