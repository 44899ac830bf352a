-- What a caller may ask for beyond the mappings: when, until when, whom to tell, and of which request
-- this one tries the failures again.
ALTER TABLE requests ADD COLUMN not_before bigint;
ALTER TABLE requests ADD COLUMN expires_at bigint;
ALTER TABLE requests ADD COLUMN callback_url text;
ALTER TABLE requests ADD COLUMN retry_of text COLLATE "C";
-- Nothing of it starts any more, for this reason.
ALTER TABLE requests ADD COLUMN closing text CHECK (closing IN ('cancelled', 'expired'));
-- Since when, and from which ordinal on its batches are still to be looked at; null when all were.
ALTER TABLE requests ADD COLUMN closing_at bigint;
ALTER TABLE requests ADD COLUMN closing_from bigint;
-- While it is received: when it counts as given up, unless more of it comes. 0: it was given up, or
-- deleted, and what is left of it is cleared away.
ALTER TABLE requests ADD COLUMN receiving_until bigint;
-- When its staged batches will be ranked; null once they are.
ALTER TABLE requests ADD COLUMN release_at bigint;

-- What a key remembers of a request that was deleted before its own time was over.
ALTER TABLE idempotency_keys ADD COLUMN total bigint;

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
  request      bigint NOT NULL,
  lane         text COLLATE "C" NOT NULL,
  start        double precision NOT NULL,
  step         double precision NOT NULL,
  PRIMARY KEY (request, lane)
);

-- Why mappings of a request failed: one row for each way, whatever their number. 0 is no HTTP status.
CREATE TABLE failure_groups (
  request      bigint NOT NULL,
  target       text COLLATE "C" NOT NULL,
  code         text COLLATE "C" NOT NULL,
  http_status  bigint NOT NULL,
  count        bigint NOT NULL,
  sample       text NOT NULL,
  message      text NOT NULL,
  PRIMARY KEY (request, target, code, http_status)
);

-- Receivers of callbacks that have said, to a tenant's callback, that they are gone.
CREATE TABLE disabled_callbacks (
  tenant       text COLLATE "C" NOT NULL,
  url          text COLLATE "C" NOT NULL,
  lane         text COLLATE "C" NOT NULL,
  at           bigint NOT NULL,
  PRIMARY KEY (tenant, url)
);

CREATE INDEX disabled_callbacks_of_lane ON disabled_callbacks (lane);
CREATE INDEX disabled_callbacks_age ON disabled_callbacks (at);
