//! Transport: listeners, accepted connections, and the direct writes past them. Knows no routes.

mod connection;
mod listeners;
mod server;
mod socket;
#[cfg(unix)]
mod socket_file;

pub(crate) use listeners::Listeners;
pub(crate) use server::serve;
#[cfg(unix)]
pub(crate) use socket_file::SocketFile;
