-- Lists and counts of one state or one owner, and forgetting old answers, without a look at every row.
CREATE INDEX jobs_by_state_number ON jobs (state, number);
CREATE INDEX jobs_by_owner_state ON jobs (owner, state, number);
CREATE INDEX jobs_by_owner_number ON jobs (owner, number);
CREATE INDEX answers_by_time ON answers (time);

-- Audio that a client of another machine has sent: it may name it by hash later, others may not.
CREATE TABLE uploads (
    owner       TEXT NOT NULL,
    sha256      TEXT NOT NULL,
    time        REAL NOT NULL,
    PRIMARY KEY (owner, sha256)
) WITHOUT ROWID;
CREATE INDEX uploads_by_time ON uploads (time);
