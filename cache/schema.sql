-- The tables of .trilock/ID/state.db: an index of one workspace that can be deleted at the cost of time. This file is
-- compiled in and run once, in one transaction, when the database is made; cache/state_tables.cpp holds the queries.
--
-- A change here raises user_version, and with it schema_version in cache/state_tables.hpp, where the step from the
-- version before is written down too. A database of an older version takes these steps; one of a newer version, or of
-- none, is set aside and made afresh.
--
-- Every table has an integer key, so each is one b-tree in which rows are found, replaced and scanned without a second
-- index. Texts and digests are keyed by the first eight bytes of their XXH3-128; the row holds the whole as well. Two
-- texts that share eight bytes would take turns in one row, which costs time, never correctness.

PRAGMA application_id = 0x54524c4b;  -- "TRLK"
PRAGMA user_version = 3;

-- The stat cache: the digests that a file had when its stat was this.
CREATE TABLE file_digest (
  id       INTEGER PRIMARY KEY,  -- of path
  path     TEXT NOT NULL,        -- relative to the workspace, or absolute
  kind     INTEGER NOT NULL,     -- FileType << 16 | permission bits
  size     INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,     -- since the epoch
  ctime_ns INTEGER NOT NULL,
  inode    INTEGER NOT NULL,     -- these two as signed 64 bits
  device   INTEGER NOT NULL,
  fast     BLOB NOT NULL,        -- XXH3-128, 16 bytes
  strong   BLOB                  -- SHA-256, 32 bytes; NULL when nobody has asked for it
);

-- The last successful result of each node, as cache/result_codec.hpp writes it. Two tables, because the first is read
-- whole by every run, and what is only shown would make that scan many times longer.
CREATE TABLE result (
  id      INTEGER PRIMARY KEY,   -- of label
  label   TEXT NOT NULL,
  key     BLOB NOT NULL,         -- of the action, XXH3-128, 16 bytes
  essence BLOB NOT NULL
);
CREATE TABLE result_detail (
  id     INTEGER PRIMARY KEY,    -- of label
  detail BLOB NOT NULL
);

-- Answers of tools to questions.
CREATE TABLE answer (
  id          INTEGER PRIMARY KEY,  -- of question
  question    BLOB NOT NULL,        -- XXH3-128, 16 bytes
  fingerprint BLOB NOT NULL,        -- of what the answer depends on; opaque
  answer      BLOB NOT NULL
);

-- The last hundred runs.
CREATE TABLE run (
  id          INTEGER PRIMARY KEY,  -- ascending
  started_ms  INTEGER NOT NULL,     -- since the epoch
  duration_ms INTEGER NOT NULL DEFAULT 0,
  exit_code   INTEGER NOT NULL DEFAULT -1  -- -1: the run was cut short
);

-- What became of the nodes in those runs.
CREATE TABLE run_node (
  id          INTEGER PRIMARY KEY,  -- run << 24 | place in the order of recording: one run is one stretch of rows
  label       TEXT NOT NULL,
  outcome     INTEGER NOT NULL,     -- Outcome
  key         BLOB NOT NULL,        -- XXH3-128, 16 bytes
  duration_ms INTEGER NOT NULL,
  reason      TEXT NOT NULL
);

-- How long each node took the last five times that it ran, newest first. Kept apart from run_node, so that ordering
-- the graph reads one row a node however long the history is.
CREATE TABLE duration (
  id    INTEGER PRIMARY KEY,  -- of label
  label TEXT NOT NULL,
  ms1   INTEGER NOT NULL,
  ms2   INTEGER,
  ms3   INTEGER,
  ms4   INTEGER,
  ms5   INTEGER
);

-- What the cache answered in those runs.
CREATE TABLE lookup (
  id     INTEGER PRIMARY KEY,  -- run << 16 | place in the order of recording
  rule   TEXT NOT NULL,
  answer INTEGER NOT NULL,     -- LookupAnswer
  reason TEXT NOT NULL,        -- of a miss
  count  INTEGER NOT NULL
);

-- The boot of the machine in which rows were last written; one row, of id 0. After another one, digests of files that
-- changed since it started are no longer believed: what was not synced is lost where the power failed, and the stat may
-- be what it was. See cache/boot.hpp.
CREATE TABLE boot (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL,
  started_ns INTEGER NOT NULL       -- since the epoch; the earliest that the clock has said
);

-- What each node last left at its outputs with a result that is not kept: it runs every time, an input changed
-- meanwhile, no cache could hold it. Only so that the next run knows that these files are its own.
CREATE TABLE made (
  id      INTEGER PRIMARY KEY,  -- of label
  label   TEXT NOT NULL,
  outputs BLOB NOT NULL         -- a result of which nothing else is written
);
