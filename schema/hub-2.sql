-- The hub's store, version 2: machines that are watched.
CREATE TABLE asset_summary (
  tenant TEXT NOT NULL,
  gateway TEXT NOT NULL,
  lane INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  asset TEXT NOT NULL,
  from_ns INTEGER NOT NULL,
  to_ns INTEGER NOT NULL,
  mode TEXT NOT NULL,
  progress REAL NOT NULL,
  trouble TEXT NOT NULL,
  state TEXT NOT NULL,
  sensor TEXT NOT NULL,
  alarm INTEGER NOT NULL,
  windows INTEGER NOT NULL,
  anomalies INTEGER NOT NULL,
  unknown INTEGER NOT NULL,
  sensor_faults INTEGER NOT NULL,
  score_min REAL NOT NULL,
  score_mean REAL NOT NULL,
  score_max REAL NOT NULL,
  threshold REAL NOT NULL,
  raw_bytes INTEGER NOT NULL,
  lost_samples INTEGER NOT NULL,
  velocity_mm_s REAL NOT NULL,  -- negative: not known
  model_version TEXT NOT NULL,
  features_json TEXT NOT NULL,  -- [["x rms", 3.1], ...]
  spectra_json TEXT NOT NULL,   -- '' in most: spectra come only now and then
  PRIMARY KEY (tenant, gateway, lane, epoch, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX asset_summary_by_time ON asset_summary (tenant, gateway, asset, to_ns);
CREATE INDEX asset_summary_by_age ON asset_summary (to_ns);
CREATE INDEX asset_summary_spectra ON asset_summary (tenant, gateway, asset, to_ns) WHERE spectra_json <> '';
CREATE INDEX event_by_asset ON event (tenant, gateway, asset, time_ns);
-- What people said of events: who, when, what. Never changed; a later word stands beside the earlier one.
CREATE TABLE feedback (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant TEXT NOT NULL,
  gateway TEXT NOT NULL,
  asset TEXT NOT NULL,
  event_id TEXT NOT NULL,
  judgement TEXT NOT NULL CHECK (judgement IN ('normal', 'fault', 'unsure')),
  note TEXT NOT NULL,
  user TEXT NOT NULL,
  time_ns INTEGER NOT NULL
) STRICT;
CREATE INDEX feedback_by_event ON feedback (tenant, gateway, asset, event_id);
CREATE TRIGGER feedback_stays BEFORE UPDATE ON feedback BEGIN SELECT RAISE(ABORT, 'feedback is never changed'); END;
CREATE TRIGGER feedback_is_kept BEFORE DELETE ON feedback BEGIN SELECT RAISE(ABORT, 'feedback is never deleted'); END;
