//! A child process that is killed when dropped, and the wait until it listens.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::sync::watch;

/// Longest wait for a server to listen.
const DEADLINE: Duration = Duration::from_secs(20);

/// A running program.
pub(crate) struct Process {
    name: String,
    child: Child,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        Ok(Self { name, child })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Of a program that was started with a pipe.
    pub(crate) fn stdin(&mut self) -> Result<ChildStdin> {
        self.child.stdin.take().with_context(|| format!("{} has no stdin", self.name))
    }

    /// Of a program that was started with a pipe.
    pub(crate) fn stdout(&mut self) -> Result<ChildStdout> {
        self.child.stdout.take().with_context(|| format!("{} has no stdout", self.name))
    }

    /// `kill -9`; waits until it is gone.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill().with_context(|| format!("cannot kill {}", self.name))?;
        self.child.wait()?;
        Ok(())
    }

    /// Waits for a program that was told to end.
    pub(crate) fn wait(&mut self) {
        // An error says that there is nothing to wait for.
        let _ = self.child.wait();
    }

    /// # Errors
    /// When it has ended.
    pub(crate) fn expect_running(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended by itself: {status}", self.name),
        }
    }

    pub(crate) fn wait_until_listening(&mut self, address: &str) -> Result<()> {
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            self.expect_running()?;
            if start.elapsed() > DEADLINE {
                bail!("{} does not listen on {address}", self.name);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Different addresses of this machine, with ports that were free a moment ago: all that can be had for servers that
/// cannot say which port they took.
pub(crate) fn free_addresses(count: usize) -> Result<Vec<String>> {
    let listeners: Vec<TcpListener> =
        (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<std::io::Result<_>>()?;
    listeners.iter().map(|listener| Ok(listener.local_addr()?.to_string())).collect()
}

/// Becomes true when the stdin of this process is closed, which is how the test that started it says that it is over.
pub(crate) fn stdin_closed() -> watch::Receiver<bool> {
    let (close, closed) = watch::channel(false);
    std::thread::spawn(move || {
        // Ends with an error, or with the end of the file, when the test is over.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        close.send_replace(true);
    });
    closed
}
