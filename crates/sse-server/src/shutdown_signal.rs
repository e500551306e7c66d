//! What asks the server from outside to end. On Unix Ctrl-C or SIGTERM; on Windows, which has no signals, Ctrl-C,
//! Ctrl-Break, or the end of the console window or of the system, which kill a process that does not listen.

use std::io;
#[cfg(unix)]
use std::io::IsTerminal as _;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
#[cfg(windows)]
use tokio::signal::windows;

#[cfg(unix)]
const INTERRUPT: &str = "SIGINT";

/// Is there somebody at a terminal who waits for the end?
#[cfg(unix)]
pub(crate) fn is_urgent(signal: &str) -> bool {
    signal == INTERRUPT && (io::stdin().is_terminal() || io::stderr().is_terminal())
}

/// Windows itself waits for a few seconds only.
#[cfg(windows)]
pub(crate) fn is_urgent(_: &str) -> bool {
    true
}

/// Heard from when this is made on, so that none is missed that comes as soon as the server says where it listens.
#[derive(Debug)]
pub(crate) struct ShutdownSignal {
    #[cfg(unix)]
    interrupt: Signal,
    #[cfg(unix)]
    terminate: Signal,
    #[cfg(windows)]
    ctrl_c: windows::CtrlC,
    #[cfg(windows)]
    ctrl_break: windows::CtrlBreak,
    #[cfg(windows)]
    close: windows::CtrlClose,
    #[cfg(windows)]
    system: windows::CtrlShutdown,
}

#[cfg(unix)]
impl ShutdownSignal {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Resolves at the next, with its name.
    pub(crate) async fn recv(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => INTERRUPT,
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

#[cfg(windows)]
impl ShutdownSignal {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            ctrl_c: windows::ctrl_c()?,
            ctrl_break: windows::ctrl_break()?,
            close: windows::ctrl_close()?,
            system: windows::ctrl_shutdown()?,
        })
    }

    /// Resolves at the next, with its name.
    pub(crate) async fn recv(&mut self) -> &'static str {
        tokio::select! {
            _ = self.ctrl_c.recv() => "Ctrl-C",
            _ = self.ctrl_break.recv() => "Ctrl-Break",
            _ = self.close.recv() => "console closed",
            _ = self.system.recv() => "system shutdown",
        }
    }
}
