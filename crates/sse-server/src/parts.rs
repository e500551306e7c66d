//! What settings make of parts of the server, at the start and when they are read again.

use std::path::PathBuf;

use anyhow::ensure;
use sse_core::Selector;
use sse_hub::{Durability, Policies, Policy};

use crate::apps::{APPLICATIONS, Application};
use crate::auth::{Guard, SameSite, TokenVerifier};
use crate::client_limits::SubjectLimits;
use crate::config::{DataDir, Settings};
use crate::http::Reserved;

/// The settings file's rules first. Of an application that is off stays in force what keeps its stored events.
pub(crate) fn policies(
    rules: Vec<(Selector, Policy)>,
    on: &[&Application],
    reserved: &[Reserved],
) -> Policies {
    let built_in = APPLICATIONS.iter().flat_map(|app| {
        let is_on = on.iter().any(|on| on.name == app.name);
        app.policies.iter().filter(move |(_, policy)| is_on || policy.durability == Durability::Disk)
    });
    let built_in = built_in
        .map(|(pattern, policy)| (pattern.parse().expect("the pattern follows the grammar"), *policy));
    let reserved = reserved.iter().map(|reserved| reserved.topics.clone()).collect();
    Policies::new(rules.into_iter().chain(built_in).collect()).with_reserved(reserved)
}

/// Without tokens there are no subjects.
pub(crate) fn subject_limits(limits: SubjectLimits, has_auth: bool) -> SubjectLimits {
    if has_auth { limits } else { SubjectLimits::NONE }
}

/// What is nobody's, even when it is in the folder of the pages.
pub(crate) fn private_files(settings: &Settings, auth: Option<&TokenVerifier>) -> Vec<PathBuf> {
    let Settings { data_dir, config, tls_cert, tls_key, .. } = settings;
    let data = match data_dir {
        DataDir::Folder(folder) => Some(folder),
        DataDir::Off => None,
    };
    let keys = auth.into_iter().flat_map(|auth| &auth.files);
    data.into_iter().chain(config).chain(tls_cert).chain(tls_key).chain(keys).cloned().collect()
}

/// # Errors
/// Cookies are sent for pages of other origins, and none is listed.
pub(crate) fn check_same_site(guard: &Guard, auth: Option<&TokenVerifier>) -> anyhow::Result<()> {
    let is_for_others = auth.is_some_and(|auth| auth.same_site == SameSite::None);
    ensure!(
        !is_for_others || guard.lists_origins(),
        "[auth] of the settings file has cookie_same_site = \"none\", which is for pages of other origins, and none is listed: name \
         them with --allow-origin ORIGIN (`*` has no cookies), or leave it at \"lax\""
    );
    Ok(())
}
