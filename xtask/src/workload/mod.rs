//! Events that publishers send while things are killed, and the audit that none of them was lost, repeated or moved.

mod audit;
mod ledger;
mod payload;
mod publisher;

pub(crate) use audit::{Received, audit};
pub(crate) use ledger::Ledger;
pub(crate) use payload::{EVENT_TYPE, Payload, TOPIC_PREFIX, TOPICS, topic};
pub(crate) use publisher::{Delivery, Publisher, Shared, publish_ends};
