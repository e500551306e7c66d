//! The encoder against the decoder: what is written is read back, and nothing else is. Knows nothing of HTTP.

use std::time::Duration;

use proptest::prelude::*;
use sse_core::{Decoder, Epoch, Event, EventId, EventType, HubBlock, Limits, RecordId, Topic, encode};

use crate::entry::{Entry, write_all};
use crate::model::Outcome;
use crate::probe::{cut, decode};
use crate::streams;

fn id() -> impl Strategy<Value = EventId> {
    streams::nasty_text().prop_map(|text| EventId::new(text.replace(['\r', '\n', '\0'], "")).unwrap())
}

fn event_type() -> impl Strategy<Value = Option<EventType>> {
    streams::nasty_text().prop_map(|text| EventType::new(text.replace(['\r', '\n'], "")).ok())
}

fn whole_milliseconds() -> impl Strategy<Value = Duration> {
    prop_oneof![Just(0), Just(3000), Just(u64::MAX), any::<u64>()].prop_map(Duration::from_millis)
}

prop_compose! {
    fn event()(
        data in streams::nasty_text(),
        event_type in event_type(),
        id in prop::option::of(id()),
        retry in prop::option::of(any::<Duration>()),
    ) -> Event {
        let event = Event::new(data);
        let event = event_type.into_iter().fold(event, Event::with_type);
        let event = id.into_iter().fold(event, Event::with_id);
        retry.into_iter().fold(event, Event::with_retry)
    }
}

fn entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        4 => event().prop_map(Entry::Event),
        1 => id().prop_map(Entry::IdOnly),
        1 => whole_milliseconds().prop_map(Entry::Retry),
        1 => streams::nasty_text().prop_map(Entry::Comment),
    ]
}

proptest! {
    #[test]
    fn every_event_is_read_back(event in event()) {
        let mut wire = Vec::new();
        encode::event(&mut wire, &event);
        let read: Vec<Event> = Decoder::new().feed(&wire).map(Result::unwrap).collect();
        prop_assert_eq!(read, [event]);
    }

    #[test]
    fn the_length_of_a_record_is_known_before_it_is_written(
        event in event(),
        seq in prop_oneof![Just(0), Just(9), Just(10), Just(u64::MAX), any::<u64>()],
        topic in "[a-z]{1,20}",
        time in "[0-9TZ:.-]{0,30}",
        hub in prop::option::of(Just(HubBlock::Gap)),
    ) {
        let event = hub.into_iter().fold(event, Event::with_hub);
        let (id, topic) = (RecordId { epoch: Epoch::from_bits(seq), seq }, Topic::new(topic).unwrap());
        let mut wire = Vec::new();
        encode::record(&mut wire, &event, id, &topic, &time);
        let id_bytes = id.to_string().len();
        prop_assert_eq!(encode::record_len(&event, id_bytes, &topic, time.len()), wire.len());
        prop_assert!(id_bytes <= RecordId::MAX_BYTES);
        prop_assert!(seq < u64::MAX || id_bytes == RecordId::MAX_BYTES);
    }

    #[test]
    fn a_stream_of_all_kinds_of_blocks_is_read_back(
        entries in prop::collection::vec(entry(), 0..12),
        places in streams::cuts(),
    ) {
        let (wire, expected) = write_all(&entries);
        prop_assert_eq!(&Outcome::of(&wire), &expected);
        prop_assert_eq!(&decode(Limits::default(), cut(&wire, &places)), &expected);
    }

    #[test]
    fn data_keeps_its_lines(data in streams::nasty_text()) {
        let mut lines = data.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect::<Vec<_>>();
        // The last line was ended by nothing, so a CR at its end is a line end and not half of one.
        let last = data.rsplit('\n').next().unwrap();
        *lines.last_mut().unwrap() = last;
        let expected = lines.join("\n").replace('\r', "\n");
        prop_assert_eq!(Event::new(data).into_data(), expected);
    }

    #[test]
    fn ids_and_types_take_all_that_the_wire_can_carry(text in streams::nasty_text()) {
        let has_line_end = text.contains(['\r', '\n']);
        prop_assert_eq!(EventId::new(text.as_str()).is_ok(), !has_line_end && !text.contains('\0'));
        prop_assert_eq!(EventType::new(text.as_str()).is_ok(), !has_line_end && !text.is_empty());
    }
}

#[test]
fn a_retry_hint_is_cut_to_whole_milliseconds_and_to_64_bits() {
    let retry = |time| Event::new("").with_retry(time).retry().unwrap();
    assert_eq!(retry(Duration::from_micros(1_999)), Duration::from_millis(1));
    assert_eq!(retry(Duration::MAX), Duration::from_millis(u64::MAX));
}
