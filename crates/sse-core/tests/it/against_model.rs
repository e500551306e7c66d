//! The decoder against the reference, on bodies that nobody would write by hand. Limits have tests of their own.

use proptest::prelude::*;
use sse_core::Limits;

use crate::model::Outcome;
use crate::probe::{Probe, cut, decode};
use crate::streams;

proptest! {
    #[test]
    fn whole_body_gives_what_the_standard_says(body in streams::body()) {
        prop_assert_eq!(decode(Limits::default(), [body.as_slice()]), Outcome::of(&body));
    }

    #[test]
    fn random_cuts_change_nothing(body in streams::body(), places in streams::cuts()) {
        prop_assert_eq!(decode(Limits::default(), cut(&body, &places)), Outcome::of(&body));
    }

    #[test]
    fn a_cut_anywhere_changes_nothing(body in streams::body()) {
        let expected = Outcome::of(&body);
        for place in 0..=body.len() {
            prop_assert_eq!(&decode(Limits::default(), cut(&body, &[place])), &expected, "cut at {}", place);
        }
    }

    /// The model on a prefix tells what is complete at its last byte, so nothing may come later than that.
    #[test]
    fn each_event_comes_at_the_byte_that_completes_it(body in streams::body()) {
        let mut probe = Probe::new(Limits::default());
        for end in 1..=body.len() {
            probe.feed(&body[end - 1..end]);
            prop_assert_eq!(probe.outcome(), &Outcome::of(&body[..end]), "after {} bytes", end);
        }
    }

    #[test]
    fn each_connection_starts_afresh_and_keeps_id_and_time(bodies in prop::collection::vec(streams::body(), 1..5)) {
        let mut probe = Probe::new(Limits::default());
        let mut expected = Outcome::default();
        for body in &bodies {
            probe.feed(body);
            probe.restart();
            expected.read(body);
        }
        prop_assert_eq!(probe.outcome(), &expected);
    }
}
