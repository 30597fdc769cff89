-- The hub's store, version 3: tags. Blocks of readings lie here as they came and are decoded by those who ask.
CREATE TABLE tag_block (
  tenant TEXT NOT NULL,
  gateway TEXT NOT NULL,
  lane INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  stream TEXT NOT NULL,
  generation INTEGER NOT NULL,
  block INTEGER NOT NULL,       -- from 0 on in each generation
  from_ns INTEGER NOT NULL,
  to_ns INTEGER NOT NULL,
  moved_ns INTEGER NOT NULL,    -- to be added to the times of its rows: the gateway's clock was wrong
  rows INTEGER NOT NULL,
  samples INTEGER NOT NULL,
  check_sum INTEGER NOT NULL,
  plan BLOB NOT NULL,           -- empty but in block 0
  content BLOB NOT NULL,
  readable INTEGER NOT NULL,    -- 0: a block before it in its generation never came
  PRIMARY KEY (tenant, gateway, lane, epoch, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX tag_block_in_order ON tag_block (tenant, gateway, stream, generation, block, readable);
CREATE INDEX tag_block_by_time ON tag_block (tenant, gateway, stream, to_ns, generation);
CREATE INDEX tag_block_ends ON tag_block (tenant, gateway, stream, generation, to_ns);
CREATE INDEX tag_block_by_age ON tag_block (to_ns);
CREATE INDEX tag_generation ON tag_block (tenant, gateway, stream, epoch, sequence) WHERE block = 0;
CREATE TABLE tag_summary (
  tenant TEXT NOT NULL,
  gateway TEXT NOT NULL,
  lane INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  tag TEXT NOT NULL,
  unit TEXT NOT NULL,
  from_ns INTEGER NOT NULL,
  to_ns INTEGER NOT NULL,
  count INTEGER NOT NULL,
  bad INTEGER NOT NULL,
  mean REAL NOT NULL,
  min REAL NOT NULL,
  max REAL NOT NULL,
  deviation REAL NOT NULL,
  above_high_s REAL NOT NULL,   -- negative: it has no such limit
  PRIMARY KEY (tenant, gateway, lane, epoch, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX tag_summary_by_time ON tag_summary (tenant, gateway, tag, to_ns);
CREATE INDEX tag_summary_by_age ON tag_summary (to_ns);
