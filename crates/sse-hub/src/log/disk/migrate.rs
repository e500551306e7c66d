//! Makes the tables of the newest layout from those of an older one, in one transaction.

use std::collections::HashMap;

use super::layout::{LAYOUT, TABLES, create};
use super::parts::{Folded, Losses, Meta, Segments, StoredEpoch, StoredEpochs};
use super::store::{RowState, Store, TopicRow, Write, sum_of_record, unusable};
use crate::log::append::AppendReceipt;
use crate::log::entries::Entry;
use crate::log::log_time::Segment;
use crate::log::newest::Placed;
use crate::log::pieces::FULL;
use crate::log::topic_index::seconds;
use crate::log::topics::TopicId;

/// Layout 1 could not forget topics.
const FROM_LAYOUT_1: &str = "ALTER TABLE meta ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0;";

/// Layout 2 had one epoch, with ids up to the reserved one, and no checksums.
const FROM_LAYOUT_2: &str = "
    CREATE TABLE epochs (number INTEGER PRIMARY KEY, epoch INTEGER, first INTEGER, last INTEGER);
    INSERT INTO epochs (epoch, first, last) SELECT epoch, 1, reserved FROM meta;
    CREATE TABLE losses (seq INTEGER PRIMARY KEY);
    CREATE TABLE segments (first INTEGER PRIMARY KEY, offset INTEGER, gap INTEGER, held INTEGER);
    ALTER TABLE records ADD COLUMN sum INTEGER;
";

/// Layout 3 was in no release, and its checksums were of something else.
const BEFORE_LAYOUT_4: &str = "
    ALTER TABLE topics RENAME TO old_topics;
    ALTER TABLE keys RENAME TO old_keys;
    ALTER TABLE records ADD COLUMN expires INTEGER NOT NULL DEFAULT 0;
";

const DROP_OLD: &str = "
    DROP TABLE meta; DROP TABLE epochs; DROP TABLE losses; DROP TABLE segments; DROP TABLE old_topics;
    DROP TABLE old_keys;
";

/// Nothing, if it has the newest layout already; makes the tables if there are none.
pub(super) fn bring_up_to_date(store: &mut Store) -> rusqlite::Result<()> {
    let layout: i64 = store.0.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match layout {
        LAYOUT => Ok(()),
        0 => make(store),
        1..LAYOUT => bring_up_from(store, layout),
        other => {
            let why = format!("it has layout {other}, this version of the server knows {LAYOUT}");
            Err(unusable(&why))
        }
    }
}

fn make(store: &mut Store) -> rusqlite::Result<()> {
    let write = Write(store.0.transaction()?);
    TABLES.iter().try_for_each(|(table, _)| write.0.execute_batch(&create(table)))?;
    write.set_part(&Meta { clean: true, ..Meta::default() })?;
    write.set_part(&StoredEpochs::default())?;
    write.set_part(&Losses::default())?;
    write.set_part(&Segments::default())?;
    write.set_part(&Folded::default())?;
    write.0.pragma_update(None, "user_version", LAYOUT)?;
    write.0.commit()
}

fn bring_up_from(store: &mut Store, layout: i64) -> rusqlite::Result<()> {
    let write = Write(store.0.transaction()?);
    if layout < 2 {
        write.0.execute_batch(FROM_LAYOUT_1)?;
    }
    if layout < 3 {
        write.0.execute_batch(FROM_LAYOUT_2)?;
    }
    write.0.execute_batch(BEFORE_LAYOUT_4)?;
    for (table, _) in TABLES.iter().filter(|(table, _)| *table != "records") {
        write.0.execute_batch(&create(table))?;
    }
    let newest = write.pieces_of_records()?;
    write.copy_topics(newest)?;
    write.copy_keys()?;
    write.copy_parts(newest)?;
    write.0.execute_batch(DROP_OLD)?;
    write.0.pragma_update(None, "user_version", LAYOUT)?;
    write.0.commit()
}

impl Write<'_> {
    /// Makes pieces and checksums. Gives the seq of the newest record.
    fn pieces_of_records(&self) -> rusqlite::Result<u64> {
        let sql = format!(
            "SELECT seq, topic, time, frame, name FROM records LEFT JOIN old_topics ON id = topic
             WHERE seq > ? ORDER BY seq LIMIT {FULL}"
        );
        let mut newest = 0;
        loop {
            let (mut placed, mut sums) = (Vec::new(), Vec::new());
            let mut select = self.0.prepare_cached(&sql)?;
            let mut rows = select.query([newest])?;
            while let Some(row) = rows.next()? {
                let (seq, time, name): (u64, u64, Option<String>) = (row.get(0)?, row.get(2)?, row.get(4)?);
                let frame = row.get_ref(3)?.as_blob()?;
                let bytes = u32::try_from(frame.len()).unwrap_or(u32::MAX);
                placed
                    .push(Placed { topic: row.get(1)?, entry: Entry { seq, seconds: seconds(time), bytes } });
                sums.push((sum_of_record(seq, &name.unwrap_or_default(), time, 0, frame), seq));
            }
            let Some(last) = placed.last().map(|placed| placed.entry.seq) else { return Ok(newest) };
            self.put_piece(newest + 1, last, 0, placed)?;
            let set = "UPDATE records SET sum = ? WHERE seq = ?";
            sums.into_iter().try_for_each(|sum| self.execute(set, sum))?;
            newest = last;
        }
    }

    fn copy_topics(&self, newest: u64) -> rusqlite::Result<()> {
        let mut select = self.0.prepare("SELECT id, name, removed, volatile FROM old_topics ORDER BY id")?;
        let (mut rows, mut topics) = (select.query([])?, HashMap::new());
        let mut end = 0;
        while let Some(row) = rows.next()? {
            let (id, name, removed, volatile): (TopicId, String, u64, bool) =
                (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            topics.insert(id, (name, removed, volatile));
            end = id + 1;
        }
        if end as usize > 100 * (topics.len() + 1000) {
            return Err(unusable("its topics have unlikely numbers"));
        }
        for id in 0..end {
            self.put_topic(&match topics.remove(&id) {
                Some((name, removed, volatile)) => {
                    TopicRow { id, name, since: 0, removed, volatile, state: RowState::Open }
                }
                None => TopicRow { id, since: newest, ..TopicRow::default() },
            })?;
        }
        Ok(())
    }

    fn copy_keys(&self) -> rusqlite::Result<()> {
        let mut select = self.0.prepare("SELECT key, first, count, time FROM old_keys")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let receipt = AppendReceipt { first: row.get(1)?, count: row.get(2)?, repeated: false };
            self.insert_key(&row.get::<_, String>(0)?, receipt, row.get(3)?)?;
        }
        Ok(())
    }

    fn copy_parts(&self, newest: u64) -> rusqlite::Result<()> {
        let (meta, forgotten) =
            self.0.query_row("SELECT reserved, clean, forgotten FROM meta", [], |row| {
                let reserved = newest.max(row.get(0)?);
                let meta = Meta { reserved, clean: row.get(1)?, stored_to: newest, ..Meta::default() };
                Ok((meta, row.get::<_, u64>(2)?))
            })?;
        self.set_part(&meta)?;
        let folded = (forgotten > 0).then(|| (String::new(), forgotten));
        self.set_part(&Folded(folded.into_iter().collect()))?;
        let mut epochs = self.0.prepare("SELECT epoch, first, last FROM epochs ORDER BY number")?;
        let epochs = epochs.query_map([], |row| {
            let epoch = row.get::<_, i64>(0)?.cast_unsigned();
            Ok(StoredEpoch { epoch, first: row.get(1)?, last: row.get(2)? })
        })?;
        self.set_part(&StoredEpochs(epochs.collect::<Result<_, _>>()?))?;
        let mut losses = self.0.prepare("SELECT seq FROM losses ORDER BY seq")?;
        let losses = losses.query_map([], |row| row.get(0))?;
        self.set_part(&Losses(losses.collect::<Result<_, _>>()?))?;
        let mut segments = self.0.prepare("SELECT first, offset, gap, held FROM segments ORDER BY first")?;
        let segments = segments.query_map([], |row| {
            Ok(Segment { first: row.get(0)?, offset: row.get(1)?, gap: row.get(2)?, held: row.get(3)? })
        })?;
        self.set_part(&Segments(segments.collect::<Result<_, _>>()?))
    }
}
