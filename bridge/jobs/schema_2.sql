-- What was asked under a request_id, so that another request under the same one is told apart.
ALTER TABLE answers ADD COLUMN digest TEXT NOT NULL DEFAULT '';
