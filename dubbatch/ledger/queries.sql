-- Every statement the ledger runs, by name. States are the words of dubbatch.jobs.JobState.

-- name: account
SELECT * FROM account WHERE one = 1;

-- name: create_account
INSERT INTO account (one, service) VALUES (1, :service) ON CONFLICT DO NOTHING;

-- name: move_account
-- To another service, with all that was learned of the one before, and only while nothing was ever sent there.
UPDATE account SET service = :service, slots = NULL, usual_s = NULL, looked_up_to = '', newest_first = NULL
WHERE NOT EXISTS (SELECT 1 FROM attempts WHERE reference > '');

-- name: remember_slots
UPDATE account SET slots = :slots;

-- name: remember_usual
UPDATE account SET usual_s = :usual_s;

-- name: remember_look_up
UPDATE account SET looked_up_to = :looked_up_to, newest_first = :newest_first;

-- name: usual_times
-- Latest attempts that ended well, for how long this account's jobs take.
SELECT created_at, finished_at FROM attempts INDEXED BY attempts_finished
WHERE state = 'completed' AND finished_at <> '' AND created_at <> ''
ORDER BY finished_at DESC LIMIT 50;

-- name: history
-- The same with how long their media were: the service's own times, without what it let them wait.
SELECT coalesce(nullif(started_at, ''), created_at) AS started_at, finished_at, length_s
FROM attempts INDEXED BY attempts_finished
WHERE state = 'completed' AND finished_at <> '' AND created_at <> ''
ORDER BY finished_at DESC LIMIT 200;

-- name: put_request
INSERT INTO requests (request_id, reference, status, created_at) VALUES (:request_id, :reference, :status, :created_at)
ON CONFLICT (request_id) DO UPDATE SET reference = :reference, status = :status, created_at = :created_at;

-- name: forget_requests
DELETE FROM requests;

-- name: count_requests
SELECT count(*) AS n FROM requests;

-- name: requests_with_reference
-- That it isn't empty lets SQLite use the index, which has no others.
SELECT * FROM requests WHERE reference = :reference AND reference <> '' ORDER BY created_at;

-- name: put_batch
INSERT INTO batches (name, manifest, output_dir, columns, started_at)
VALUES (:name, :manifest, :output_dir, :columns, :started_at)
ON CONFLICT (name) DO UPDATE SET
  manifest = :manifest, output_dir = :output_dir, columns = :columns, started_at = :started_at, finished_at = '';

-- name: finish_batch
UPDATE batches SET finished_at = :finished_at WHERE name = :name;

-- name: batch
SELECT * FROM batches WHERE name = :name;

-- name: batch_names
SELECT name FROM batches ORDER BY name;

-- name: batch_of_manifest
SELECT * FROM batches WHERE manifest = :manifest ORDER BY started_at DESC LIMIT 1;

-- name: leave_all
UPDATE jobs SET present = 0, selected = 0 WHERE batch = :batch;

-- name: put_job
INSERT INTO jobs (batch, id, position, present, selected, state, fingerprint, reference, priority, length_s, row, error, hint,
                  video_key, audio_key, warnings)
VALUES (:batch, :id, :position, 1, :selected, :state, :fingerprint, :reference, :priority, :length_s, :row, :error, :hint,
        :video_key, :audio_key, :warnings)
ON CONFLICT (batch, id) DO UPDATE SET
  position = :position, present = 1, selected = :selected, state = :state, fingerprint = :fingerprint,
  reference = :reference, priority = :priority, length_s = :length_s, row = :row, error = :error, hint = :hint,
  video_key = :video_key, audio_key = :audio_key, warnings = :warnings, held = 0;

-- name: job
SELECT * FROM jobs WHERE batch = :batch AND id = :id;

-- name: jobs_with_ids
SELECT * FROM jobs WHERE batch = :batch AND id IN (SELECT value FROM json_each(:ids));

-- name: job_troubles
SELECT id, state, error, hint FROM jobs WHERE batch = :batch AND present = 1 AND error <> ''
ORDER BY 1 - present, position, id;

-- name: jobs_after
-- Those of the batch that are in the manifest, or have left it, in its order; a page.
SELECT * FROM jobs
WHERE batch = :batch AND 1 - present = :left AND (position, id) > (:position, :id)
ORDER BY position, id LIMIT :limit;

-- name: standings_after
-- The jobs of the manifest with the attempt and the file that serve them; a page. Of several files the one of output_of.
-- Or only those, of the selected ones, with which something is wrong.
SELECT jobs.batch, jobs.id, jobs.position, jobs.state, jobs.reference, jobs.error, jobs.hint, jobs.warnings, jobs.length_s,
       jobs.row, attempts.request_id, attempts.created_at, attempts.started_at, attempts.finished_at, attempts.batch,
       attempts.job, outputs.path, outputs.sha256, outputs.size, outputs.duration_s, outputs.verdict, outputs.warning
FROM jobs
LEFT JOIN attempts ON attempts.reference = jobs.reference AND jobs.reference <> ''
LEFT JOIN outputs ON outputs.path = (
  SELECT came.path FROM outputs AS came
  WHERE came.batch = jobs.batch AND came.job = jobs.id AND came.reference = jobs.reference AND jobs.reference <> ''
  ORDER BY came.verdict = 'suspect', came.version LIMIT 1)
WHERE jobs.batch = :batch AND 1 - present = 0 AND (jobs.position, jobs.id) > (:position, :id)
  AND (:troubled = 0 OR (selected = 1 AND (
    jobs.state IN ('failed', 'suspect', 'blocked', 'unsure', 'submitting', 'stalled')
    OR (jobs.error <> '' AND jobs.state NOT IN ('downloaded', 'skipped')))))
ORDER BY jobs.position, jobs.id LIMIT :limit;

-- name: job_minutes
-- Media minutes of the manifest's jobs: measured, or what the team states.
SELECT id, coalesce(length_s / 60, json_extract(row, '$.minutes')) AS minutes FROM jobs
WHERE batch = :batch AND 1 - present = 0;

-- name: pending_after
-- What a run is to send, in the manifest's order; a page. The present ones in the index's own words, so that it serves.
SELECT * FROM jobs
WHERE batch = :batch AND 1 - present = 0 AND (position, id) > (:position, :id) AND state = 'pending' AND selected = 1
ORDER BY position, id LIMIT :limit;

-- name: unserved_after
-- What no attempt is known to serve, also of rows that this run does not send; a page, as above.
SELECT * FROM jobs
WHERE batch = :batch AND 1 - present = 0 AND (position, id) > (:position, :id)
  AND state IN ('pending', 'skipped', 'blocked') AND reference = '' AND fingerprint <> ''
ORDER BY position, id LIMIT :limit;

-- name: count_unserved
SELECT count(*) AS n FROM jobs
WHERE batch = :batch AND 1 - present = 0 AND state IN ('pending', 'skipped', 'blocked') AND reference = '' AND fingerprint <> '';

-- name: count_pending
SELECT count(*) AS n FROM jobs WHERE batch = :batch AND state = 'pending' AND present = 1 AND selected = 1;

-- name: job_ids
SELECT id, present FROM jobs WHERE batch = :batch ORDER BY 1 - present, position, id;

-- name: jobs_by_turn
-- Who is sent next (design, section 6, "Order"). A row that left the manifest is never sent, one held by a cap not now.
-- Under a cap of the batch, only what fits into the seconds that are left; and what identical work serves, for nothing.
SELECT * FROM jobs
WHERE batch = :batch AND state = 'pending' AND held = 0 AND present = 1 AND selected = 1
  AND (:left_s IS NULL OR length_s IS NULL OR length_s <= :left_s
       OR EXISTS (SELECT 1 FROM attempts WHERE attempts.fingerprint = jobs.fingerprint
                  AND attempts.state IN ('submitting', 'unsure', 'queued', 'processing', 'stalled', 'completed')))
ORDER BY priority DESC, length_s DESC, position LIMIT :limit OFFSET :offset;

-- name: hold_job
UPDATE jobs SET held = 1, error = :error, hint = :hint WHERE batch = :batch AND id = :id AND state = 'pending';

-- name: release_same
-- Identical work is on its way now: it serves these for nothing.
UPDATE jobs SET held = 0, error = '', hint = ''
WHERE batch = :batch AND state = 'pending' AND held = 1 AND fingerprint = :fingerprint;

-- name: release_held
UPDATE jobs SET held = 0, error = '', hint = '' WHERE batch = :batch AND state = 'pending' AND held = 1;

-- name: held_jobs
SELECT count(*) AS n, sum(length_s) AS length_s FROM jobs
WHERE batch = :batch AND state = 'pending' AND held = 1 AND present = 1 AND selected = 1;

-- name: jobs_following
SELECT * FROM jobs WHERE reference = :reference AND reference <> '' ORDER BY batch, position;

-- name: jobs_to_fetch
-- By this index only the few are read that wait: SQLite thinks that to read the whole batch takes less.
SELECT * FROM jobs INDEXED BY jobs_by_turn WHERE batch = :batch AND state = 'completed' ORDER BY position LIMIT :limit;

-- name: change_job
UPDATE jobs SET state = :state, error = :error, hint = :hint, reference = :reference, held = 0
WHERE batch = :batch AND id = :id;

-- name: state_counts
SELECT state, count(*) AS n FROM jobs WHERE batch = :batch AND present = 1 AND selected >= :selected GROUP BY state;

-- name: state_lengths
SELECT state, total(length_s) AS length_s FROM jobs
WHERE batch = :batch AND present = 1 AND selected >= :selected AND length_s < 1e9 GROUP BY state;

-- name: removed_jobs
SELECT id FROM jobs WHERE batch = :batch AND present = 0 ORDER BY position;

-- name: attempt
SELECT * FROM attempts WHERE reference = :reference;

-- name: attempts_of_stem
SELECT * FROM attempts WHERE stem = :stem ORDER BY n;

-- name: attempts_with_fingerprint
SELECT * FROM attempts WHERE fingerprint = :fingerprint ORDER BY created_at DESC, reference;

-- name: attempts_with_fingerprints
SELECT * FROM attempts WHERE fingerprint IN (SELECT value FROM json_each(:fingerprints)) ORDER BY created_at DESC, reference;

-- name: attempts_to_settle
-- What a crash left in the air, and what no answer came for; also of another batch, if it serves a job of this one.
-- By the state, which few have: the plus signs keep SQLite from walking over the batch.
SELECT * FROM attempts
WHERE state IN ('submitting', 'unsure')
  AND (+batch = :batch OR EXISTS (SELECT 1 FROM jobs WHERE jobs.reference = attempts.reference AND jobs.reference <> ''
                                  AND +jobs.batch = :batch))
ORDER BY reference;

-- name: attempts_to_follow
SELECT * FROM attempts
WHERE state IN ('queued', 'processing', 'stalled')
  AND (+batch = :batch OR EXISTS (SELECT 1 FROM jobs WHERE jobs.reference = attempts.reference AND jobs.reference <> ''
                                  AND +jobs.batch = :batch))
ORDER BY created_at, reference;

-- name: attempts_to_save
-- Bought for a row as it was before it was edited, finished, and not on disk yet.
SELECT * FROM attempts
WHERE batch = :batch AND state = 'completed'
  AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.reference = attempts.reference AND jobs.reference <> '')
  AND NOT EXISTS (SELECT 1 FROM outputs WHERE outputs.reference = attempts.reference)
ORDER BY reference LIMIT :limit;

-- name: attempts_in_doubt
-- Work of this fingerprint, or under this reference, whose send may have been accepted although it was settled with a "no".
SELECT * FROM attempts
WHERE (fingerprint = :fingerprint OR stem = :stem) AND state IN ('pending', 'failed') AND request_id = ''
  AND EXISTS (SELECT 1 FROM sends WHERE sends.reference = attempts.reference
              AND (outcome IS NULL OR outcome = 'unknown'))
ORDER BY reference;

-- name: spent
-- What each job of a batch has bought, or may have: what was accepted or adopted, and what no answer has come for yet.
-- Where a length was not known then, what is known now; the index has all the rest.
SELECT job, total(coalesce(length_s,
    (SELECT max(duration_s) FROM outputs WHERE outputs.reference = attempts.reference AND verdict = 'good'),
    (SELECT jobs.length_s FROM jobs WHERE jobs.batch = attempts.batch AND jobs.id = attempts.job))) AS length_s
FROM attempts WHERE batch = :batch AND (request_id <> '' OR state IN ('submitting', 'unsure')) GROUP BY job;

-- name: bought_since
-- What was sent since then and accepted, or found at the service later; lengths as above.
SELECT count(*) AS jobs, total(coalesce(length_s,
    (SELECT max(duration_s) FROM outputs WHERE outputs.reference = attempts.reference AND verdict = 'good'),
    (SELECT jobs.length_s FROM jobs WHERE jobs.batch = attempts.batch AND jobs.id = attempts.job))) AS length_s
FROM attempts WHERE batch = :batch AND request_id <> '' AND EXISTS (
  SELECT 1 FROM sends WHERE sends.reference = attempts.reference
    AND started >= :since AND coalesce(outcome, 'unknown') IN ('accepted', 'unknown'));

-- name: spent_in_all
-- The same, summed up.
SELECT total(coalesce(length_s,
    (SELECT max(duration_s) FROM outputs WHERE outputs.reference = attempts.reference AND verdict = 'good'),
    (SELECT jobs.length_s FROM jobs WHERE jobs.batch = attempts.batch AND jobs.id = attempts.job))) AS length_s
FROM attempts WHERE batch = :batch AND (request_id <> '' OR state IN ('submitting', 'unsure'));

-- name: inherited
-- What was bought for these very jobs under another batch's name.
SELECT bought.* FROM jobs
JOIN attempts AS bought ON bought.fingerprint = jobs.fingerprint AND bought.job = jobs.id AND bought.batch <> :batch
  AND (bought.request_id <> '' OR bought.state IN ('submitting', 'unsure'))
WHERE jobs.batch = :batch AND jobs.fingerprint <> '';

-- name: spent_unknown
-- Attempts that are bought, and whose length nobody knows yet.
SELECT count(*) AS n FROM attempts
WHERE batch = :batch AND (request_id <> '' OR state IN ('submitting', 'unsure')) AND length_s IS NULL
  AND NOT EXISTS (SELECT 1 FROM outputs WHERE outputs.reference = attempts.reference AND duration_s IS NOT NULL
                  AND verdict = 'good')
  AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.batch = attempts.batch AND jobs.id = attempts.job AND length_s IS NOT NULL);

-- name: compared_lengths
-- Of what a batch has bought for rows that are still there, and has on disk: what it was taken to last when it was sent, and what came. A damaged
-- file may claim to be endless.
SELECT total(attempts.length_s) AS estimated_s, total(came.duration_s) AS actual_s FROM attempts
JOIN (SELECT reference, max(duration_s) AS duration_s FROM outputs
      WHERE batch = :batch AND verdict = 'good' AND duration_s IS NOT NULL GROUP BY reference) AS came
  ON came.reference = attempts.reference
WHERE attempts.batch = :batch AND attempts.length_s < 1e9 AND came.duration_s < 1e9
  AND EXISTS (SELECT 1 FROM jobs WHERE jobs.reference = attempts.reference AND jobs.reference <> '' AND jobs.present = 1);

-- name: pending_length
SELECT total(length_s) AS length_s FROM jobs
WHERE batch = :batch AND state = 'pending' AND present = 1 AND selected = 1 AND length_s < 1e9;

-- name: put_attempt
INSERT INTO attempts (reference, stem, n, batch, job, fingerprint, state, request_id, created_at, started_at, finished_at,
                      error, hint, output, length_s)
VALUES (:reference, :stem, :n, :batch, :job, :fingerprint, :state, :request_id, :created_at, :started_at, :finished_at,
        :error, :hint, :output, :length_s)
ON CONFLICT (reference) DO UPDATE SET
  batch = :batch, job = :job, fingerprint = :fingerprint, state = :state, request_id = :request_id, created_at = :created_at,
  started_at = :started_at, finished_at = :finished_at, error = :error, hint = :hint, output = :output,
  length_s = coalesce(:length_s, length_s);

-- name: put_send
INSERT INTO sends (reference, started) VALUES (:reference, :started);

-- name: end_send
UPDATE sends SET ended = :ended, outcome = :outcome, said = :said WHERE id = :id;

-- name: sends_of
SELECT * FROM sends WHERE reference = :reference ORDER BY id;

-- name: refusals
-- The latest sends that the service did not take, newest first; those whose words are known.
SELECT attempts.batch, attempts.job, coalesce(sends.ended, sends.started) AS at_s, sends.said
FROM sends INDEXED BY sends_refused JOIN attempts ON attempts.reference = sends.reference
WHERE sends.outcome = 'refused' AND sends.said <> '' ORDER BY sends.id DESC LIMIT :limit;

-- name: attempts_with_references
SELECT * FROM attempts WHERE reference IN (SELECT value FROM json_each(:references));

-- name: was_sent
SELECT 1 AS yes FROM sends WHERE reference = :reference LIMIT 1;

-- name: attempt_counts
-- How many attempts each job of the batch had accepted, also under the name that its manifest had before.
SELECT job, count(*) AS n FROM (
  SELECT job, reference FROM attempts WHERE batch = :batch AND request_id <> ''
  UNION
  SELECT bought.job, bought.reference FROM jobs
  JOIN attempts AS serving ON serving.reference = jobs.reference
  JOIN attempts AS bought ON bought.stem = serving.stem AND bought.job = jobs.id AND bought.request_id <> ''
  WHERE jobs.batch = :batch
) GROUP BY job;

-- name: put_output
INSERT INTO outputs (path, batch, job, reference, version, sha256, size, duration_s, verdict, warning)
VALUES (:path, :batch, :job, :reference, :version, :sha256, :size, :duration_s, :verdict, :warning)
ON CONFLICT (path) DO UPDATE SET
  batch = :batch, job = :job, reference = :reference, version = :version, sha256 = :sha256, size = :size,
  duration_s = :duration_s, verdict = :verdict, warning = :warning;

-- name: move_output
UPDATE outputs SET path = :path, version = :version WHERE path = :from_path;

-- name: outputs_of_job
SELECT * FROM outputs WHERE batch = :batch AND job = :job ORDER BY version;

-- name: outputs_of_reference
SELECT * FROM outputs WHERE reference = :reference AND verdict = 'good' ORDER BY version;

-- name: output_at
SELECT * FROM outputs WHERE path = :path;

-- name: output_of
-- The file that serves a job now: of its own attempt, in its own place; suspect bytes only where nothing better came.
SELECT * FROM outputs WHERE batch = :batch AND job = :job AND reference = :reference
ORDER BY verdict = 'suspect', version LIMIT 1;

-- name: put_part
INSERT INTO parts (path, batch, reference, etag, sha256, duration_s, warning)
VALUES (:path, :batch, :reference, :etag, :sha256, :duration_s, :warning)
ON CONFLICT (path) DO UPDATE SET
  batch = :batch, reference = :reference, etag = :etag, sha256 = :sha256, duration_s = :duration_s, warning = :warning;

-- name: part
SELECT * FROM parts WHERE path = :path;

-- name: parts_of
SELECT * FROM parts WHERE batch = :batch ORDER BY path;

-- name: drop_part
DELETE FROM parts WHERE path = :path;

-- name: media
SELECT path, size, mtime_ns, inode, sha256, checksum, facts FROM media WHERE path = :path;

-- name: put_media
-- What was found of other bytes under that name holds no more.
INSERT INTO media (path, size, mtime_ns, inode, sha256, checksum, facts)
VALUES (:path, :size, :mtime_ns, :inode, :sha256, :checksum, :facts)
ON CONFLICT (path) DO UPDATE SET
  size = :size, mtime_ns = :mtime_ns, inode = :inode, sha256 = :sha256, checksum = :checksum, facts = :facts;

-- name: web_media
SELECT * FROM web_media WHERE address = :address;

-- name: put_web_media
INSERT INTO web_media (address, looked_at, etag, size, facts) VALUES (:address, :looked_at, :etag, :size, :facts)
ON CONFLICT (address) DO UPDATE SET looked_at = :looked_at, etag = :etag, size = :size, facts = :facts;

-- name: forget_media
DELETE FROM media WHERE path = :path;

-- name: replan_job
UPDATE jobs SET fingerprint = :fingerprint, length_s = :length_s, video_key = :video_key, audio_key = :audio_key,
  warnings = :warnings, reference = ''
WHERE batch = :batch AND id = :id;

-- name: put_redo
INSERT INTO redos (batch, job, asked_at) VALUES (:batch, :job, :asked_at) ON CONFLICT DO NOTHING;

-- name: open_redos
-- No send yet, or one that bought nothing: it was refused, or settled with a "no", or failed and another try is due.
SELECT redos.job FROM redos
LEFT JOIN attempts ON attempts.reference = redos.reference
LEFT JOIN jobs ON jobs.batch = redos.batch AND jobs.id = redos.job
WHERE redos.batch = :batch
  AND (redos.reference = ''
       OR (jobs.state = 'pending' AND jobs.fingerprint = attempts.fingerprint AND attempts.state IN ('pending', 'failed')));

-- name: redo_asked
SELECT asked_at FROM redos WHERE batch = :batch AND job = :job ORDER BY id DESC LIMIT 1;

-- name: sent_since
SELECT 1 AS yes FROM sends WHERE reference = :reference AND started >= :since LIMIT 1;

-- name: sent_from
SELECT 1 AS yes FROM sends WHERE reference = :reference AND id >= :first LIMIT 1;

-- name: fulfil_redo
UPDATE redos SET reference = :reference WHERE batch = :batch AND job = :job AND reference = '';

-- name: redone
-- The first send that fulfilled a person's latest word to buy this work again: counting of tries starts anew there.
-- By its number, not by its time: clocks are set back.
SELECT min(sends.id) AS first FROM redos
JOIN attempts ON attempts.reference = redos.reference
JOIN sends ON sends.reference = redos.reference
WHERE attempts.fingerprint = :fingerprint
GROUP BY redos.id ORDER BY redos.id DESC LIMIT 1;
