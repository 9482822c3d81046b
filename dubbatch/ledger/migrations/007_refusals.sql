-- What the service said to a send that it refused; empty: it did not, or a dubbatch before this one recorded it.
ALTER TABLE sends ADD COLUMN said TEXT NOT NULL DEFAULT '';
-- `dubbatch account` tells the latest of them.
CREATE INDEX sends_refused ON sends (id) WHERE outcome = 'refused';
