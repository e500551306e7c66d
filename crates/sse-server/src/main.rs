//! The `sse-server` command: reads settings, starts the app, stops it on Ctrl-C or SIGTERM; or does maintenance instead.

use std::io::Write;

use sse_server::{App, Selection, Settings, SettingsError, telemetry};

/// How glibc gives memory back after a peak. By itself it learns from the first large block that is freed to keep such blocks,
/// and a server that was sent large batches once stays large.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const ALLOCATOR: [(&str, &str); 2] =
    [("MALLOC_MMAP_THRESHOLD_", "1048576"), ("MALLOC_TRIM_THRESHOLD_", "1048576")];

#[actix_web::main]
async fn main() -> std::process::ExitCode {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    restart_with_allocator_settings();
    let (settings, selection) = match Settings::read(std::env::args_os()) {
        Ok(read) => read,
        Err(SettingsError::Usage(error)) => error.exit(),
        Err(error) => {
            eprintln!("sse-server: {error}");
            return std::process::ExitCode::FAILURE;
        }
    };
    if let Some(text) = selection.text() {
        print(&text);
        return std::process::ExitCode::SUCCESS;
    }
    if let Some(maintenance) = selection.maintenance() {
        return maintenance.run(Settings::definition()).await;
    }
    telemetry::init(settings.log_format, settings.log);
    match run(settings, selection).await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sse-server: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}

/// The allocator reads its settings from the environment when a process starts, so the process starts anew, as itself.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn restart_with_allocator_settings() {
    use std::os::unix::process::CommandExt as _;
    let mut args = std::env::args_os();
    let (Some(name), Ok(program)) = (args.next(), std::env::current_exe()) else { return };
    if ALLOCATOR.iter().any(|(variable, _)| std::env::var_os(variable).is_some()) {
        return;
    }
    // Returns only if that is not possible; then it goes on as it is.
    let _ = std::process::Command::new(program).arg0(name).args(args).envs(ALLOCATOR).exec();
}

async fn run(settings: Settings, selection: Selection) -> anyhow::Result<()> {
    let app = App::start(settings, selection).await?;
    announce(&app);
    app.run().await?;
    Ok(())
}

/// Says where everything is. The first line is for programs: it is printed once connections are accepted.
fn announce(app: &App) {
    let base = app.base();
    let mut text = format!("listening on {base}\n");
    if let Some(addr) = app.admin_addr() {
        text += &format!("  admin   http://{addr}\n");
    }
    #[cfg(unix)]
    if let Some(path) = app.unix_socket() {
        text += &format!("  socket  curl -N --unix-socket {} http://localhost/events\n", path.display());
    }
    if let Some(addr) = app.redirect() {
        text += &format!("  308     http://{addr}\n");
    }
    for page in app.pages() {
        text += &format!("  page    {base}{page}\n");
    }
    for stream in app.streams() {
        text += &format!("  stream  curl -N {base}{stream}\n");
    }
    print(&text);
}

/// Nobody may be reading.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
