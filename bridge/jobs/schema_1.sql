CREATE TABLE IF NOT EXISTS jobs (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id      TEXT NOT NULL UNIQUE,
    state       TEXT NOT NULL,
    owner       TEXT NOT NULL,
    priority    INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    started     REAL,
    finished    REAL,
    details     TEXT NOT NULL,
    outcome     TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, priority DESC, number);

CREATE TABLE IF NOT EXISTS logs (
    job_id      TEXT NOT NULL,
    number      INTEGER NOT NULL,
    time        REAL NOT NULL,
    level       TEXT NOT NULL,
    text        TEXT NOT NULL,
    PRIMARY KEY (job_id, number)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS answers (
    owner       TEXT NOT NULL,
    request_id  TEXT NOT NULL,
    time        REAL NOT NULL,
    reply       TEXT NOT NULL,
    PRIMARY KEY (owner, request_id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS controls (
    name        TEXT PRIMARY KEY,
    value       TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS uses (
    job_id      TEXT NOT NULL,
    sha256      TEXT NOT NULL,
    PRIMARY KEY (job_id, sha256)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS uses_by_audio ON uses (sha256);
