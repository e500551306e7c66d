//! The number and due time of a published event, written into its data as text that survives any server, also in JSON.

/// Length of a stamp: `~RUN-PUBLISHER-NUMBER-MICROSECONDS` in hexadecimal.
pub(super) const BYTES: usize = 1 + 8 + 1 + 2 + 1 + 8 + 1 + 12;

const MARK: u8 = b'~';

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Random, so that events of earlier runs are ignored.
    pub(super) run: u32,
    /// The connection that published it. Each publishes in order.
    pub(super) publisher: u8,
    /// Counted per publisher, from 0.
    pub(super) number: u32,
    /// When it was due, in microseconds since the start of the run.
    pub(super) due: u64,
}

impl Stamp {
    /// Data of this many bytes, at least those of the stamp.
    pub(super) fn data(&self, bytes: usize) -> String {
        let Self { run, publisher, number, due } = self;
        let due = due & ((1 << 48) - 1);
        format!("{:x<bytes$}", format!("~{run:08x}-{publisher:02x}-{number:08x}-{due:012x}"))
    }

    /// The stamp of this run in the data. `None` if there is none.
    pub(super) fn find(data: &[u8], run: u32) -> Option<Self> {
        memchr::memchr_iter(MARK, data).find_map(|at| Self::at(data.get(at + 1..at + BYTES)?, run))
    }

    fn at(text: &[u8], run: u32) -> Option<Self> {
        let mut rest = text;
        // The next field of this many digits, with the dash after it.
        let mut field = |digits| {
            let (field, after) = rest.split_at_checked(digits)?;
            rest = if after.is_empty() { after } else { after.strip_prefix(b"-")? };
            field.iter().try_fold(0, |sum, byte| Some(sum << 4 | digit(*byte)?))
        };
        let (found, publisher, number, due) = (field(8)?, field(2)?, field(8)?, field(12)?);
        let (publisher, number) = (u8::try_from(publisher).ok()?, u32::try_from(number).ok()?);
        (found == u64::from(run)).then_some(Self { run, publisher, number, due })
    }
}

fn digit(byte: u8) -> Option<u64> {
    match byte {
        b'0'..=b'9' => Some(u64::from(byte - b'0')),
        b'a'..=b'f' => Some(u64::from(byte - b'a') + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { run: 0xdead_beef, publisher: 7, number: 300, due: 1_234_567_890 };

    #[test]
    fn is_found_anywhere_in_the_data() {
        let data = STAMP.data(BYTES);
        assert_eq!(data.len(), BYTES);
        assert_eq!(STAMP.data(100).len(), 100);
        for text in [data.clone(), STAMP.data(60), format!("{{\"a~\":\"~~\",\"text\":\"{data}\"}}")] {
            assert_eq!(Stamp::find(text.as_bytes(), STAMP.run), Some(STAMP), "{text}");
        }
    }

    #[test]
    fn nothing_else_is_a_stamp() {
        let data = STAMP.data(BYTES);
        assert_eq!(Stamp::find(data.as_bytes(), 1), None, "another run");
        for text in
            ["", "~", "~~~", data.get(..BYTES - 1).unwrap(), &data.replace('-', "_"), &data.to_uppercase()]
        {
            assert_eq!(Stamp::find(text.as_bytes(), STAMP.run), None, "{text}");
        }
    }
}
