//! Why a request failed, in words for people. Decides nothing.

use std::error::Error;

use sse_client::root_cause;

/// The root cause without the number of the system error, and with what plain HTTP looks like to TLS translated.
pub(crate) fn reason(error: &dyn Error) -> String {
    let reason = root_cause(error).to_string();
    if reason == "received corrupt message of type InvalidContentType" {
        return "the server does not speak TLS there; write http:// instead of https://".to_owned();
    }
    match reason.split_once(" (os error ") {
        Some((words, _)) => words.to_owned(),
        None => reason,
    }
}
