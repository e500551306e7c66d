//! The `sse-server` command: reads settings, starts the app, stops it on Ctrl-C or SIGTERM.

use std::io::Write;

use clap::Parser;
use sse_server::{App, Settings, ShutdownSwitch, telemetry};

#[actix_web::main]
async fn main() -> std::process::ExitCode {
    let settings = Settings::parse();
    telemetry::init(settings.log_format);
    match run(settings).await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sse-server: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}

async fn run(settings: Settings) -> anyhow::Result<()> {
    let (switch, shutdown) = ShutdownSwitch::new();
    let app = App::start(settings, shutdown)?;
    announce(&app);
    app.run(switch).await?;
    Ok(())
}

/// Says where everything is. The first line is for programs: it is printed once connections are accepted.
fn announce(app: &App) {
    let base = format!("http://{}", app.addr());
    let mut text = format!("listening on {base}\n");
    #[cfg(unix)]
    if let Some(path) = app.unix_socket() {
        text += &format!("  socket  curl -N --unix-socket {} http://localhost/events\n", path.display());
    }
    for page in app.pages() {
        text += &format!("  page    {base}{page}\n");
    }
    for stream in app.streams() {
        text += &format!("  stream  curl -N {base}{stream}\n");
    }
    let mut out = std::io::stdout().lock();
    // Nobody may be reading; the server runs all the same.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
