-- What an attempt counts in a budget; of those bought before, what their jobs are known to last.
ALTER TABLE attempts ADD COLUMN length_s REAL;
UPDATE attempts SET length_s = (SELECT max(jobs.length_s) FROM jobs WHERE jobs.reference = attempts.reference
                                AND jobs.reference <> '');
-- Before every POST the minutes of the whole batch are summed up: by this index alone.
CREATE INDEX attempts_spent ON attempts (batch, job, length_s, reference)
  WHERE request_id <> '' OR state IN ('submitting', 'unsure');
-- How video and audio count in the fingerprint, and what is odd about them (a line each).
ALTER TABLE jobs ADD COLUMN video_key TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN audio_key TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN warnings TEXT NOT NULL DEFAULT '';
-- 1: a cap holds it back for the rest of this run.
ALTER TABLE jobs ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
DROP INDEX jobs_by_turn;
CREATE INDEX jobs_by_turn ON jobs (batch, state, held, priority DESC, length_s DESC, position);
-- What a look at a local file found (JSON); empty: it was only hashed.
ALTER TABLE media ADD COLUMN facts TEXT NOT NULL DEFAULT '';
-- The same of web addresses, by what names the file: signatures change, and it does not.
CREATE TABLE web_media (
  address    TEXT PRIMARY KEY,
  looked_at  REAL NOT NULL,              -- seconds since the epoch
  etag       TEXT NOT NULL,
  size       INTEGER,                    -- bytes; NULL: not told
  facts      TEXT NOT NULL
) STRICT, WITHOUT ROWID;
ALTER TABLE outputs ADD COLUMN warning TEXT NOT NULL DEFAULT '';
ALTER TABLE parts ADD COLUMN warning TEXT NOT NULL DEFAULT '';
