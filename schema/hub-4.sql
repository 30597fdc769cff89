-- The hub's store, version 4: the list of alarms, tags by age, events by gateway.
-- Alarms (ISA-18.2) are kept beside the events that they are made of, in the same
-- transaction: an event may be deleted as aged while its alarm is still there. A row ends when its alarm has returned to
-- normal and somebody has acknowledged it.
CREATE TABLE alarm (
  tenant TEXT NOT NULL,
  gateway TEXT NOT NULL,
  asset TEXT NOT NULL,          -- the tag, machine, station or source
  kind TEXT NOT NULL,           -- what about it: 'limit', 'anomaly', 'rule NAME' ...
  event_id TEXT NOT NULL,       -- of the newest event that told of it; '': a station's summary did
  type TEXT NOT NULL,           -- of that event
  severity INTEGER NOT NULL,
  message TEXT NOT NULL,
  value TEXT NOT NULL,          -- as told with the event; '': it has none
  unit TEXT NOT NULL,
  limit_value TEXT NOT NULL,
  since_ns INTEGER NOT NULL,
  changed_ns INTEGER NOT NULL,
  cleared_ns INTEGER NOT NULL DEFAULT 0,  -- 0: it is there still
  acked_ns INTEGER NOT NULL DEFAULT 0,    -- 0: nobody has acknowledged it
  acked_by TEXT NOT NULL DEFAULT '',
  sure INTEGER NOT NULL DEFAULT 1,        -- 0: events of its gateway were lost since, its end may be among them
  PRIMARY KEY (tenant, gateway, asset, kind)
) STRICT, WITHOUT ROWID;
-- What is old is looked for by generations, not by blocks: most old blocks are kept for those behind them.
DROP INDEX tag_block_by_age;
CREATE INDEX tag_generation_by_age ON tag_block (to_ns) WHERE block = 0;
CREATE INDEX tag_unreadable_by_age ON tag_block (to_ns) WHERE readable = 0;
CREATE INDEX event_by_gateway ON event (tenant, gateway, time_ns);
