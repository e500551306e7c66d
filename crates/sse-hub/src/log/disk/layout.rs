//! The tables of the file. Each row that decides what a reader gets has a checksum.

/// Layout of the tables. A file with another number is of another version of the server.
pub(super) const LAYOUT: i64 = 4;

/// Name and definition of each table.
pub(super) const TABLES: [(&str, &str); 6] = [
    (
        "parts",
        "(
        -- meta, epochs, losses, segments, folded, wal: see `parts.rs`
        name TEXT PRIMARY KEY,
        -- JSON
        value TEXT NOT NULL,
        sum INTEGER NOT NULL
        ) WITHOUT ROWID",
    ),
    (
        "topics",
        "(
        id INTEGER PRIMARY KEY,
        -- empty when no topic has this number
        name TEXT NOT NULL,
        -- records up to this seq are of an earlier topic with this number
        since INTEGER NOT NULL,
        -- newest seq of the topic that was removed
        removed INTEGER NOT NULL,
        -- the topic was in memory
        volatile INTEGER NOT NULL,
        -- 1: its newest record closes it; 2: no topic has the number, and records of it are still there
        state INTEGER NOT NULL,
        sum INTEGER NOT NULL
        )",
    ),
    (
        "gone",
        "(
        -- a topic that is not there any more
        name TEXT PRIMARY KEY,
        -- up to which it had records
        seq INTEGER NOT NULL,
        sum INTEGER NOT NULL
        ) WITHOUT ROWID",
    ),
    (
        "records",
        "(
        seq INTEGER PRIMARY KEY,
        topic INTEGER NOT NULL,
        -- milliseconds since 1970
        time INTEGER NOT NULL,
        frame BLOB NOT NULL,
        -- when readers do not get it any more, in milliseconds of log time; 0 for never
        expires INTEGER NOT NULL DEFAULT 0,
        -- of all that, with the name of the topic
        sum INTEGER
        )",
    ),
    (
        "pieces",
        "(
        -- the seqs it covers; together they cover all
        last INTEGER PRIMARY KEY,
        first INTEGER NOT NULL,
        -- which records there are, without frames: see `pieces.rs`
        body BLOB NOT NULL,
        -- of last seq and body
        sum INTEGER NOT NULL
        )",
    ),
    (
        "keys",
        "(
        key TEXT PRIMARY KEY,
        first INTEGER NOT NULL,
        count INTEGER NOT NULL,
        -- milliseconds since 1970
        time INTEGER NOT NULL,
        sum INTEGER NOT NULL
        ) WITHOUT ROWID",
    ),
];

/// Makes a table.
pub(super) fn create(name: &str) -> String {
    let definition = TABLES.iter().find(|(table, _)| *table == name).map_or("", |(_, definition)| definition);
    format!("CREATE TABLE {name} {definition};")
}
