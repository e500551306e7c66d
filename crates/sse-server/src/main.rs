//! The `sse-server` command: reads settings, starts the app, stops it on Ctrl-C or SIGTERM.

use std::io::Write;

use sse_server::{App, Selection, Settings, telemetry};

#[actix_web::main]
async fn main() -> std::process::ExitCode {
    let (settings, selection) = match Settings::read(std::env::args_os()) {
        Ok(read) => read,
        Err(error) => error.exit(),
    };
    telemetry::init(settings.log_format);
    match run(settings, &selection).await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sse-server: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}

async fn run(settings: Settings, selection: &Selection) -> anyhow::Result<()> {
    let app = App::start(settings, selection).await?;
    announce(&app);
    app.run().await?;
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
