//! Who may reach the hub, and from where: hosts, proxies, pages of other origins. Knows no paths and picks no statuses.

mod authority;
mod cors;
mod guard;
mod origin;
mod refusal;

pub use authority::AllowedHost;
pub(crate) use cors::{Cors, is_preflight};
pub(crate) use guard::Guard;
pub use origin::AllowedOrigin;
pub(crate) use refusal::Refusal;
