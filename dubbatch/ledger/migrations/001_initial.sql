-- One row: which service this ledger belongs to, and what was learned of the account.
CREATE TABLE account (
  one           INTEGER PRIMARY KEY CHECK (one = 1),
  service       TEXT NOT NULL,
  slots         INTEGER,            -- concurrent jobs learned; NULL: not yet
  usual_s       REAL,               -- seconds that this account's jobs usually take
  looked_up_to  TEXT NOT NULL DEFAULT '',  -- created_at of the newest request that a complete look-up saw
  newest_first  INTEGER             -- order of the account's list; NULL: not known
) STRICT;

CREATE TABLE batches (
  name         TEXT PRIMARY KEY,
  manifest     TEXT NOT NULL,
  output_dir   TEXT NOT NULL,
  columns      TEXT NOT NULL,       -- JSON: the team's own headers, in their order
  started_at   TEXT NOT NULL,
  finished_at  TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE TABLE jobs (
  batch        TEXT NOT NULL,
  id           TEXT NOT NULL,
  position     INTEGER NOT NULL,
  present      INTEGER NOT NULL DEFAULT 1,   -- 0: the row has left the manifest
  selected     INTEGER NOT NULL DEFAULT 1,   -- 0: not among what the latest run was asked for (--only)
  state        TEXT NOT NULL,
  fingerprint  TEXT NOT NULL DEFAULT '',
  reference    TEXT NOT NULL DEFAULT '',   -- the attempt that serves the job
  priority     INTEGER NOT NULL DEFAULT 0,
  length_s     REAL,                       -- longer of video and audio; NULL: not known
  row          TEXT NOT NULL,              -- JSON: the job as planned
  error        TEXT NOT NULL DEFAULT '',
  hint         TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (batch, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_by_turn ON jobs (batch, state, priority DESC, length_s DESC, position);
CREATE INDEX jobs_in_order ON jobs (batch, 1 - present, position, id);
CREATE INDEX jobs_by_reference ON jobs (reference) WHERE reference <> '';

CREATE TABLE attempts (
  reference    TEXT PRIMARY KEY,
  stem         TEXT NOT NULL,
  n            INTEGER NOT NULL,
  batch        TEXT NOT NULL,
  job          TEXT NOT NULL,
  fingerprint  TEXT NOT NULL,
  state        TEXT NOT NULL,
  request_id   TEXT NOT NULL DEFAULT '',
  created_at   TEXT NOT NULL DEFAULT '',   -- the server's times
  started_at   TEXT NOT NULL DEFAULT '',
  finished_at  TEXT NOT NULL DEFAULT '',
  error        TEXT NOT NULL DEFAULT '',
  hint         TEXT NOT NULL DEFAULT '',
  output       TEXT NOT NULL DEFAULT '',
  UNIQUE (stem, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_by_fingerprint ON attempts (fingerprint);
CREATE INDEX attempts_by_batch ON attempts (batch, state);

CREATE TABLE sends (
  id         INTEGER PRIMARY KEY,
  reference  TEXT NOT NULL REFERENCES attempts (reference),
  started    REAL NOT NULL,
  ended      REAL,
  outcome    TEXT                        -- NULL: the answer is awaited, or was lost with the process
) STRICT;
CREATE INDEX sends_by_reference ON sends (reference);

CREATE TABLE outputs (
  path        TEXT PRIMARY KEY,
  batch       TEXT NOT NULL,
  job         TEXT NOT NULL,
  reference   TEXT NOT NULL,
  version     INTEGER NOT NULL,          -- 0: current
  sha256      TEXT NOT NULL,
  size        INTEGER NOT NULL,
  duration_s  REAL,
  verdict     TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX outputs_by_job ON outputs (batch, job);
CREATE INDEX outputs_by_reference ON outputs (reference);

-- What is on its way into a .part file: a later run goes on only with the same bytes.
CREATE TABLE parts (
  path       TEXT PRIMARY KEY,
  reference  TEXT NOT NULL,
  etag       TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE media (
  path        TEXT PRIMARY KEY,
  size        INTEGER NOT NULL,
  mtime_ns    INTEGER NOT NULL,
  inode       INTEGER NOT NULL,
  sha256      TEXT NOT NULL,
  duration_s  REAL                       -- NULL: could not be read
) STRICT, WITHOUT ROWID;

-- The account's requests as look-ups saw them.
CREATE TABLE requests (
  request_id  TEXT PRIMARY KEY,
  reference   TEXT NOT NULL,
  status      TEXT NOT NULL,
  created_at  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_by_reference ON requests (reference) WHERE reference <> '';

-- A person's word to buy a job again; reference: the attempt that fulfilled it.
CREATE TABLE redos (
  id           INTEGER PRIMARY KEY,
  batch        TEXT NOT NULL,
  job          TEXT NOT NULL,
  asked_at     TEXT NOT NULL,
  reference    TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX redos_open ON redos (batch, job) WHERE reference = '';
