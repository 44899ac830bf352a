-- Requests, batches and who works on them. Rows that change often are narrow: SQLite rewrites a whole row
-- for one changed column, so a batch's texts stand in tables of their own. Numbers of deleted rows
-- are never given out again (AUTOINCREMENT): a stale worker must not take a new batch for its own.
-- Checks are spelt with OR: SQLite would build the list of an IN anew for each row that it checks.

CREATE TABLE requests (
  seq          INTEGER PRIMARY KEY AUTOINCREMENT,
  id           TEXT NOT NULL,
  tenant       TEXT NOT NULL,
  priority     TEXT NOT NULL CHECK (priority = 'HIGH' OR priority = 'MEDIUM' OR priority = 'LOW'),
  state        TEXT NOT NULL CHECK (state = 'receiving' OR state = 'pending' OR state = 'in_progress'
                 OR state = 'completed' OR state = 'failed' OR state = 'cancelled'),
  total        INTEGER NOT NULL,
  completed    INTEGER NOT NULL DEFAULT 0,
  failed       INTEGER NOT NULL DEFAULT 0,
  cancelled    INTEGER NOT NULL DEFAULT 0,
  created_at   INTEGER NOT NULL,
  started_at   INTEGER,
  finished_at  INTEGER,
  metadata     TEXT NOT NULL,
  lanes        TEXT NOT NULL,
  sources      TEXT NOT NULL,
  -- How many were final when it was last looked at, and the time before: its speed is read from them.
  marked_at    INTEGER,
  marked       INTEGER NOT NULL DEFAULT 0,
  earlier_at   INTEGER,
  earlier      INTEGER NOT NULL DEFAULT 0,
  UNIQUE (tenant, id),
  CHECK (completed >= 0 AND failed >= 0 AND cancelled >= 0
         AND completed + failed + cancelled <= total)
) STRICT;

CREATE INDEX requests_open ON requests (seq) WHERE finished_at IS NULL;
CREATE INDEX requests_finished ON requests (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE idempotency_keys (
  tenant       TEXT NOT NULL,
  key          TEXT NOT NULL,
  fingerprint  TEXT NOT NULL,
  request      INTEGER NOT NULL,
  created_at   INTEGER NOT NULL,
  PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
CREATE INDEX idempotency_keys_of_request ON idempotency_keys (request);

CREATE TABLE batches (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  request      INTEGER NOT NULL,
  lane         TEXT NOT NULL,
  state        TEXT NOT NULL CHECK (state = 'staged' OR state = 'ready' OR state = 'leased'
                 OR state = 'waiting' OR state = 'done'),
  -- Claims go by rank; start is the rank less what the batch itself added to it.
  start        REAL NOT NULL,
  rank         REAL NOT NULL,
  first        INTEGER NOT NULL,
  last         INTEGER NOT NULL,
  count        INTEGER NOT NULL,
  completed    INTEGER NOT NULL DEFAULT 0,
  failed       INTEGER NOT NULL DEFAULT 0,
  cancelled    INTEGER NOT NULL DEFAULT 0,
  run_at       INTEGER,
  worker       TEXT,
  token        INTEGER NOT NULL DEFAULT 0,
  rescues      INTEGER NOT NULL DEFAULT 0,
  CHECK (completed + failed + cancelled <= count),
  CHECK ((state = 'leased') = (worker IS NOT NULL)),
  CHECK ((state = 'waiting') = (run_at IS NOT NULL))
) STRICT;

CREATE INDEX batches_of_request ON batches (request, first);
CREATE INDEX batches_ready_by_rank ON batches (lane, rank, id) WHERE state = 'ready';
CREATE INDEX batches_ready_by_age ON batches (lane, id) WHERE state = 'ready';
CREATE INDEX batches_leased ON batches (lane, rank) WHERE state = 'leased';
CREATE INDEX batches_waiting ON batches (lane, run_at) WHERE state = 'waiting';

-- A batch's mappings as they came, and where they stand in their request if not one after another.
CREATE TABLE payloads (
  batch        INTEGER PRIMARY KEY,
  ordinals     TEXT,
  mappings     TEXT NOT NULL
) STRICT;

CREATE TABLE verdicts (
  batch        INTEGER PRIMARY KEY,
  verdicts     TEXT NOT NULL
) STRICT;

-- What is open, by lane, tenant and priority: what fair ranks and queue depths are read from.
CREATE TABLE flows (
  lane         TEXT NOT NULL,
  tenant       TEXT NOT NULL,
  priority     TEXT NOT NULL,
  requests     INTEGER NOT NULL,
  mappings     INTEGER NOT NULL,
  PRIMARY KEY (lane, tenant, priority)
) STRICT, WITHOUT ROWID;

-- How many mappings of an open request are open, by lane; only where it has more lanes than one.
CREATE TABLE request_lanes (
  request      INTEGER NOT NULL,
  lane         TEXT NOT NULL,
  open         INTEGER NOT NULL,
  PRIMARY KEY (request, lane)
) STRICT, WITHOUT ROWID;

-- A row for each system that must not be called as the systems file alone would have it: its gate is
-- closed (state, until, reason), or an operator has changed its limits or paused it.
CREATE TABLE systems (
  system       TEXT PRIMARY KEY,
  state        TEXT CHECK (state = 'throttled' OR state = 'tripped' OR state = 'held'),
  until        INTEGER,
  reason       TEXT,
  concurrency  INTEGER,
  rate         TEXT,
  paused       INTEGER NOT NULL DEFAULT 0,
  CHECK ((state IS NULL) = (until IS NULL) AND (state IS NULL) = (reason IS NULL))
) STRICT, WITHOUT ROWID;

-- What each worker tells of each system it deals with.
CREATE TABLE reports (
  system       TEXT NOT NULL,
  worker       TEXT NOT NULL,
  report       TEXT NOT NULL,
  PRIMARY KEY (system, worker)
) STRICT, WITHOUT ROWID;

CREATE INDEX reports_of_worker ON reports (worker);

CREATE TABLE workers (
  epoch        INTEGER PRIMARY KEY AUTOINCREMENT,
  id           TEXT NOT NULL UNIQUE,
  host         TEXT NOT NULL,
  deadline     INTEGER NOT NULL,
  -- The latest epoch this worker has acted on: it leaves the part of those who joined until then.
  seen         INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Written over and over, and read by nobody, to see whether there is room for a request.
CREATE TABLE scratch (
  id      INTEGER PRIMARY KEY CHECK (id = 1),
  filler  BLOB NOT NULL
) STRICT;
