-- The hub's store, version 1. One row per record kind; every row carries its tenant and gateway (law 9).
-- Times are integer nanoseconds since 1970 UTC.
CREATE TABLE tenant (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL
) STRICT;
CREATE TABLE gateway (
  tenant TEXT NOT NULL REFERENCES tenant(id),
  id TEXT NOT NULL,
  first_seen_ns INTEGER NOT NULL,
  last_seen_ns INTEGER NOT NULL,
  online INTEGER NOT NULL DEFAULT 0,
  version TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (tenant, id)
) STRICT;
-- Every outbox that a gateway has had. Rows of records name it by its number: 1 for a gateway's first outbox, and so on.
CREATE TABLE epoch (
  tenant TEXT NOT NULL,
  gateway TEXT NOT NULL,
  number INTEGER NOT NULL,
  id TEXT NOT NULL,             -- UUIDv7
  first_seen_ns INTEGER NOT NULL,
  PRIMARY KEY (tenant, gateway, number),
  UNIQUE (tenant, gateway, id)
) STRICT, WITHOUT ROWID;
-- The last sequence of each lane, in the gateway's current epoch, whose record, or the loss record that explains it, is
-- stored here.
CREATE TABLE watermark (
  tenant TEXT NOT NULL,
  gateway TEXT NOT NULL,
  lane INTEGER NOT NULL,
  epoch INTEGER NOT NULL,       -- epoch.number
  last_sequence INTEGER NOT NULL,
  PRIMARY KEY (tenant, gateway, lane)
) STRICT, WITHOUT ROWID;
CREATE TABLE traffic (
  tenant TEXT NOT NULL,
  gateway TEXT NOT NULL,
  wire_bytes INTEGER NOT NULL DEFAULT 0,
  raw_bytes INTEGER NOT NULL DEFAULT 0,  -- summed over the summaries: what the cameras took in
  batches INTEGER NOT NULL DEFAULT 0,
  records INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, gateway)
) STRICT;
CREATE TABLE verdict (
  tenant TEXT NOT NULL,
  gateway TEXT NOT NULL,
  lane INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  station TEXT NOT NULL,
  item INTEGER NOT NULL,
  time_ns INTEGER NOT NULL,
  decision INTEGER NOT NULL,
  reason INTEGER NOT NULL,
  score REAL,
  label TEXT NOT NULL,
  model_version TEXT NOT NULL,
  deadline_met INTEGER NOT NULL,
  actuated INTEGER NOT NULL,
  decision_ns INTEGER NOT NULL,
  actuation_ns INTEGER NOT NULL,
  PRIMARY KEY (tenant, gateway, lane, epoch, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX verdict_by_time ON verdict (tenant, gateway, station, time_ns);
CREATE INDEX verdict_by_age ON verdict (time_ns);
CREATE INDEX verdict_rejects ON verdict (tenant, gateway, station, time_ns) WHERE decision = 1;
CREATE TABLE station_summary (
  tenant TEXT NOT NULL,
  gateway TEXT NOT NULL,
  lane INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  station TEXT NOT NULL,
  from_ns INTEGER NOT NULL,
  to_ns INTEGER NOT NULL,
  items INTEGER NOT NULL,
  passed INTEGER NOT NULL,
  rejected INTEGER NOT NULL,
  fail_safe INTEGER NOT NULL,
  late INTEGER NOT NULL,
  actuation_failed INTEGER NOT NULL,
  raw_bytes INTEGER NOT NULL,
  latency_json TEXT NOT NULL,   -- [[upper bound in ns, count], ...]
  camera_up INTEGER NOT NULL,
  actuator_up INTEGER NOT NULL,
  model_version TEXT NOT NULL,
  deadline_ns INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, gateway, lane, epoch, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX station_summary_by_time ON station_summary (tenant, gateway, station, to_ns);
CREATE INDEX station_summary_by_age ON station_summary (to_ns);
CREATE TABLE event (
  tenant TEXT NOT NULL,
  gateway TEXT NOT NULL,
  lane INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  id TEXT NOT NULL,
  type TEXT NOT NULL,
  asset TEXT NOT NULL,
  severity INTEGER NOT NULL,
  time_ns INTEGER NOT NULL,
  message TEXT NOT NULL,
  evidence_json TEXT NOT NULL,
  PRIMARY KEY (tenant, gateway, lane, epoch, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX event_by_time ON event (tenant, time_ns);
CREATE INDEX event_by_age ON event (time_ns);
CREATE TABLE picture (
  tenant TEXT NOT NULL,
  gateway TEXT NOT NULL,
  lane INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  station TEXT NOT NULL,
  item INTEGER NOT NULL,
  time_ns INTEGER NOT NULL,
  kind TEXT NOT NULL,
  jpeg BLOB NOT NULL,
  PRIMARY KEY (tenant, gateway, lane, epoch, sequence)
) STRICT;
CREATE INDEX picture_by_age ON picture (time_ns);
CREATE INDEX picture_by_item ON picture (tenant, gateway, station, item);
-- Sequences that will never come, and why. exact = 0: some of them may never have been used. For the cause
-- 'outbox.replaced' the end is not known: last_sequence = first_sequence - 1.
CREATE TABLE loss (
  tenant TEXT NOT NULL,
  gateway TEXT NOT NULL,
  lane INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  first_sequence INTEGER NOT NULL,
  last_sequence INTEGER NOT NULL,
  cause TEXT NOT NULL,
  exact INTEGER NOT NULL,
  time_ns INTEGER NOT NULL,
  PRIMARY KEY (tenant, gateway, lane, epoch, first_sequence)
) STRICT, WITHOUT ROWID;
CREATE TABLE user (
  tenant TEXT NOT NULL REFERENCES tenant(id),
  name TEXT NOT NULL,
  password_hash TEXT NOT NULL,   -- Argon2id, as crypto_pwhash_str of libsodium writes it
  role TEXT NOT NULL,
  created_ns INTEGER NOT NULL,
  PRIMARY KEY (tenant, name)
) STRICT;
CREATE TABLE session (
  token_hash BLOB PRIMARY KEY,   -- SHA-256 of the cookie's token
  tenant TEXT NOT NULL,
  user TEXT NOT NULL,
  expires_ns INTEGER NOT NULL
) STRICT;
