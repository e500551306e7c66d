//! Transport: listeners, accepted connections, and event streams that own their socket. Knows no routes.

mod chunk;
mod connection;
mod cut;
mod deadline;
mod drain;
mod event_body;
mod event_socket;
mod event_sockets;
mod http2;
mod limits;
mod listeners;
mod places;
mod preface;
mod request_head;
mod server;
mod socket;
#[cfg(unix)]
mod socket_file;
mod subscriber;
#[cfg(test)]
#[cfg(unix)]
mod tests;
mod tls;
mod tls_socket;
mod unfinished_writes;

pub(crate) use drain::Drain;
pub(crate) use event_body::EventBody;
pub(crate) use limits::Limits;
pub(crate) use listeners::{ListenerCloser, Listeners};
pub(crate) use server::{Role, Shared, serve};
#[cfg(unix)]
pub(crate) use socket_file::SocketFile;
pub(crate) use subscriber::{End, LastWords, Opening, Subscriber};
pub(crate) use tls::{Certificate, Tls, TlsFiles};
