-- What a caller may ask for beyond the mappings: when, until when, whom to tell, and of which request
-- this one tries the failures again.
ALTER TABLE requests ADD COLUMN not_before INTEGER;
ALTER TABLE requests ADD COLUMN expires_at INTEGER;
ALTER TABLE requests ADD COLUMN callback_url TEXT;
ALTER TABLE requests ADD COLUMN retry_of TEXT;
-- Nothing of it starts any more, for this reason.
ALTER TABLE requests ADD COLUMN closing TEXT CHECK (closing = 'cancelled' OR closing = 'expired');
-- Since when, and from which ordinal on its batches are still to be looked at; null when all were.
ALTER TABLE requests ADD COLUMN closing_at INTEGER;
ALTER TABLE requests ADD COLUMN closing_from INTEGER;
-- While it is received: when it counts as given up, unless more of it comes. 0: it was given up, or
-- deleted, and what is left of it is cleared away.
ALTER TABLE requests ADD COLUMN receiving_until INTEGER;

-- When its staged batches will be ranked; null once they are.
ALTER TABLE requests ADD COLUMN release_at INTEGER;

-- How many of its batches are not done: a request ends with the last of them, however many there were.
ALTER TABLE requests ADD COLUMN open INTEGER NOT NULL DEFAULT 0 CHECK (open >= 0);
UPDATE requests SET open = (SELECT count(*) FROM batches WHERE request = requests.seq AND state <> 'done')
  WHERE finished_at IS NULL;

-- What a key remembers of a request that was deleted before its own time was over.
ALTER TABLE idempotency_keys ADD COLUMN id TEXT;
ALTER TABLE idempotency_keys ADD COLUMN total INTEGER;

CREATE INDEX requests_expiring ON requests (expires_at)
  WHERE expires_at IS NOT NULL AND finished_at IS NULL AND closing IS NULL;
CREATE INDEX requests_closing ON requests (seq) WHERE closing IS NOT NULL AND finished_at IS NULL;
CREATE INDEX requests_receiving ON requests (receiving_until) WHERE receiving_until IS NOT NULL;
CREATE INDEX requests_unreleased ON requests (release_at)
  WHERE release_at IS NOT NULL AND closing IS NULL AND finished_at IS NULL;
CREATE INDEX batches_staged ON batches (request, id) WHERE state = 'staged';

-- How requests are listed by state or priority: the newest first, and never through all there are.
CREATE INDEX requests_listed ON requests (tenant, state, priority, id);

-- A request whose staged batches are being made ready: where it begins in each of its lanes, and how far
-- one mapping moves it on in rank.
CREATE TABLE releases (
  request      INTEGER NOT NULL,
  lane         TEXT NOT NULL,
  start        REAL NOT NULL,
  step         REAL NOT NULL,
  PRIMARY KEY (request, lane)
) STRICT, WITHOUT ROWID;

-- Why mappings of a request failed: one row for each way, whatever their number. 0 is no HTTP status.
CREATE TABLE failure_groups (
  request      INTEGER NOT NULL,
  target       TEXT NOT NULL,
  code         TEXT NOT NULL,
  http_status  INTEGER NOT NULL,
  count        INTEGER NOT NULL,
  sample       TEXT NOT NULL,
  message      TEXT NOT NULL,
  PRIMARY KEY (request, target, code, http_status)
) STRICT, WITHOUT ROWID;

-- Receivers of callbacks that have said, to a tenant's callback, that they are gone.
CREATE TABLE disabled_callbacks (
  tenant       TEXT NOT NULL,
  url          TEXT NOT NULL,
  lane         TEXT NOT NULL,
  at           INTEGER NOT NULL,
  PRIMARY KEY (tenant, url)
) STRICT, WITHOUT ROWID;

CREATE INDEX disabled_callbacks_of_lane ON disabled_callbacks (lane);
CREATE INDEX disabled_callbacks_age ON disabled_callbacks (at);
