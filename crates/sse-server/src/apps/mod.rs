//! The applications: what runs on the hub beside publish and subscribe. [`APPLICATIONS`] is the one list; each stands in a
//! folder of its own with its policies, routes, forms, tasks, errors and flags. Deleting a folder and its lines here leaves
//! a server that builds.

mod application;
mod chat;
mod clock;
mod dashboard;
mod host;
mod notifications;
mod ticker;

pub(crate) use application::{Application, Launch, Running};

/// Every application, in the order in which people read of them.
pub(crate) const APPLICATIONS: [Application; 5] = [
    clock::APPLICATION,
    dashboard::APPLICATION,
    chat::APPLICATION,
    ticker::APPLICATION,
    notifications::APPLICATION,
];
