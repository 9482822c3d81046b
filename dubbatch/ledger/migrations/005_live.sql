-- What is at the service is asked for in every round: a few attempts among all that there ever were.
CREATE INDEX attempts_by_state ON attempts (state);
