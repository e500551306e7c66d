//! Brings changed settings into force while connections go on: on SIGHUP and by `POST /admin/reload`. Settings with a fault change
//! nothing, and what needs a restart is told.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::sync::Arc;

use arc_swap::ArcSwap;
use sse_hub::{Hub, Unchanged};
use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;

use crate::apps::Application;
use crate::auth::{AuthState, Guard, TokenVerifier};
use crate::client_limits::{ClientLimits, Proxies};
use crate::config::Settings;
use crate::hangup_signal::HangupSignal;
use crate::http::{FaultJson, Hidden, ReloadRequest, Reloaded, Reserved};
use crate::in_force::InForce;
use crate::parts::{check_same_site, policies, private_files, subject_limits};
use crate::selection::{Selection, SettingsError};
use crate::settings_fault::Fault;
use crate::telemetry;
use crate::transport::{Certificate, Tls, TlsFiles};

/// Flags that need no restart.
const FLAGS: [&str; 7] =
    ["allow_origin", "allowed_host", "client_address_header", "log", "tls_cert", "tls_key", "trusted_proxy"];
/// Sections that need none.
const SECTIONS: [&str; 3] = ["auth", "limits", "topic"];

/// The parts of the server that can change, and what is in force.
pub(crate) struct Reloader {
    pub(crate) args: Vec<OsString>,
    pub(crate) in_force: Vec<InForce>,
    /// Those that are on, until a restart.
    pub(crate) apps: Vec<&'static Application>,
    pub(crate) hub: Hub,
    pub(crate) reserved: Arc<[Reserved]>,
    pub(crate) guard: Arc<ArcSwap<Guard>>,
    pub(crate) clients: ClientLimits,
    pub(crate) auth: Option<Arc<AuthState>>,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) hidden: Hidden,
}

/// Settings that were read and can be used, all of them.
struct Prepared {
    settings: Settings,
    selection: Selection,
    guard: Guard,
    certificate: Option<Certificate>,
}

impl Reloader {
    /// Reloads when asked to, until the server stops.
    pub(crate) async fn run(
        mut self,
        mut hangups: HangupSignal,
        mut requests: Receiver<ReloadRequest>,
        shutdown: CancellationToken,
    ) {
        loop {
            let request = tokio::select! {
                () = shutdown.cancelled() => return,
                () = hangups.recv() => None,
                Some(request) = requests.recv() => Some(request),
            };
            let reloaded = self.reload().await;
            log(&reloaded);
            if let Some(request) = request {
                // Whoever asked may have gone.
                let _ = request.send(reloaded.map_err(|faults| faults.iter().map(json).collect()));
            }
        }
    }

    async fn reload(&mut self) -> Result<Reloaded, Vec<Fault>> {
        let Prepared { settings, mut selection, guard, certificate } = self.prepare()?;
        let changed = changes(&self.in_force, &selection.in_force);
        let file = std::mem::take(&mut selection.file);
        let turned = self.turned(&settings, file.auth.as_ref());
        let (mut changed, mut needs_restart): (BTreeSet<String>, BTreeSet<String>) =
            changed.into_iter().partition(|key| can_change(key, &turned));
        // What was hidden may still be in use, until a restart.
        let mut hidden = private_files(&settings, file.auth.as_ref());
        hidden.extend(
            self.hidden.load().iter().filter(|file| !hidden.contains(file)).cloned().collect::<Vec<_>>(),
        );
        self.hidden.store(Arc::new(hidden));
        self.guard.store(Arc::new(guard));
        if let (Some(state), Some(verifier)) = (&self.auth, file.auth) {
            state.replace(verifier);
        }
        let proxies = Proxies::new(settings.trusted_proxy, settings.client_address_header);
        if changed.iter().any(|key| {
            key.starts_with("limits.") || ["trusted_proxy", "client_address_header"].contains(&&**key)
        }) {
            let of_subjects = subject_limits(file.subject_limits, self.auth.is_some());
            self.clients.replace(file.address_limits, of_subjects, proxies);
        }
        if changed.iter().any(|key| key.starts_with("limits.") || key.starts_with("topic[")) {
            let policies = policies(file.rules, &self.apps, &self.reserved).with_limits(file.limits);
            let Unchanged { durability, idle } = self.hub.set_policies(policies).await;
            needs_restart.extend(
                (durability > 0).then(|| format!("durability of {durability} topics that are there")),
            );
            needs_restart.extend(idle.then(|| "idle, since no topic had it".to_owned()));
        }
        if let (Some(tls), Some(certificate)) = (&self.tls, certificate) {
            changed.extend(tls.set(certificate).then(|| "certificate".to_owned()));
        }
        telemetry::set_level(settings.log);
        self.in_force.retain(|setting| !can_change(&setting.key, &turned));
        self.in_force
            .extend(selection.in_force.into_iter().filter(|setting| can_change(&setting.key, &turned)));
        let [changed, needs_restart] = [changed, needs_restart].map(|keys| keys.into_iter().collect());
        Ok(Reloaded { changed, needs_restart })
    }

    /// Reads everything, and changes nothing.
    fn prepare(&self) -> Result<Prepared, Vec<Fault>> {
        let read = Settings::read(self.args.clone());
        let (settings, selection) = read.map_err(|error| match error {
            SettingsError::Faults(_, faults) => faults,
            SettingsError::Usage(error) => vec![fault("", error)],
        })?;
        let mut faults = Vec::new();
        let kept = self.auth.as_ref().map(|state| state.verifier());
        let verifier = kept.as_deref().map(|kept| selection.file.auth.as_ref().unwrap_or(kept));
        let guard = Guard {
            is_guarded: verifier.is_some_and(TokenVerifier::refuses_anonymous),
            hosts: settings.allowed_host.clone(),
            origins: settings.allow_origin.clone(),
            ..Guard::clone(&self.guard.load())
        };
        faults.extend(
            check_same_site(&guard, verifier).err().map(|error| fault("auth.cookie_same_site", error)),
        );
        let files = settings.tls_cert.clone().zip(settings.tls_key.clone()).filter(|_| self.tls.is_some());
        let certificate = files.map(|(certificate, key)| Certificate::read(TlsFiles { certificate, key }));
        let certificate = certificate.transpose().unwrap_or_else(|error| {
            faults.push(fault("tls_cert", format!("{error:#}")));
            None
        });
        if faults.is_empty() { Ok(Prepared { settings, selection, guard, certificate }) } else { Err(faults) }
    }

    /// What was switched on or off, of which no part can change.
    fn turned(&self, settings: &Settings, auth: Option<&TokenVerifier>) -> Vec<&'static str> {
        let is_tls = settings.tls_cert.is_some();
        let turned = [("auth", self.auth.is_some() != auth.is_some()), ("tls", self.tls.is_some() != is_tls)];
        turned.into_iter().filter(|(_, is_turned)| *is_turned).map(|(what, _)| what).collect()
    }
}

/// Can this setting change while the server runs?
fn can_change(key: &str, turned: &[&str]) -> bool {
    let section = key.split(['.', '[']).next().unwrap_or_default();
    let can = if section == key { FLAGS.contains(&key) } else { SECTIONS.contains(&section) };
    can && !turned.iter().any(|turned| key.starts_with(turned))
}

/// Settings that are not as they were.
fn changes(old: &[InForce], new: &[InForce]) -> BTreeSet<String> {
    let values = |all: &[InForce]| -> BTreeMap<String, String> {
        all.iter().map(|setting| (setting.key.clone(), setting.value.clone())).collect()
    };
    let (old, new) = (values(old), values(new));
    let keys = old.keys().chain(new.keys());
    keys.filter(|key| old.get(*key) != new.get(*key)).cloned().collect()
}

fn fault(key: &str, text: impl ToString) -> Fault {
    Fault { origin: None, key: key.to_owned(), text: text.to_string() }
}

fn json(fault: &Fault) -> FaultJson {
    FaultJson { line: fault.line(), key: fault.key.clone(), detail: fault.text.clone() }
}

fn log(reloaded: &Result<Reloaded, Vec<Fault>>) {
    match reloaded {
        Ok(Reloaded { changed, needs_restart }) if needs_restart.is_empty() => {
            tracing::info!(?changed, "settings reloaded");
        }
        Ok(Reloaded { changed, needs_restart }) => {
            tracing::warn!(?changed, ?needs_restart, "settings reloaded; some need a restart");
        }
        Err(faults) => {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            tracing::error!(?faults, "settings not reloaded; what was in force stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_change_is_told_from_what_needs_a_restart() {
        for (key, can) in [
            ("allow_origin", true),
            ("limits.topics", true),
            ("topic[0].pattern", true),
            ("auth.jwt[0].secret", true),
            ("listen", false),
            ("alerts", false),
            ("alerts.every", false),
            ("garden.beds", false),
        ] {
            assert_eq!(can_change(key, &[]), can, "{key}");
        }
        assert!(!can_change("auth.leeway", &["auth"]) && !can_change("tls_key", &["tls"]));
    }
}
