-- How long this account's jobs take is learned anew whenever one has ended.
CREATE INDEX attempts_finished ON attempts (finished_at) WHERE state = 'completed' AND finished_at <> '';
