//! The pages: from a folder by actix-files, or from the copy inside the binary.

use std::io;
use std::path::{Path, PathBuf};

use actix_files::{Files, NamedFile};
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use actix_web::middleware::DefaultHeaders;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Route, guard};
use rust_embed::{Embed, EmbeddedFile};

use super::problem_details::Problem;

/// Own pages, by path, and the file each is in.
const PAGES: [(&str, &str); 6] = [
    ("/", "index.html"),
    ("/dashboard", "dashboard.html"),
    ("/chat", "chat.html"),
    ("/ticker", "ticker.html"),
    ("/notifications", "notifications.html"),
    ("/inspect", "inspect.html"),
];

/// Browsers ask for it by themselves when a page names no icon.
const ICON_PATH: &str = "/favicon.ico";
const ICON_FILE: &str = "favicon.svg";

/// For our own pages, which have no inline scripts or styles. Not for a user's folder. The one policy for trusted types is
/// that of `web/sse/worker-host.js`, which lets through the address of the shared worker and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; worker-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types sse-hub-worker";

#[derive(Embed)]
#[folder = "../../web"]
#[exclude = "vendor/*.md"]
#[exclude = "vendor/*.sha256"]
#[exclude = "*.d.ts"]
struct Embedded;

/// Where pages come from.
#[derive(Debug, Clone)]
pub(crate) enum Pages {
    /// A folder of the user's, taken as it is.
    Folder(PathBuf),
    /// `web/` of this project, for work on the pages.
    Workspace(PathBuf),
    /// The copy inside the binary.
    Embedded,
}

impl Pages {
    /// The user's folder if there is one, else `web/` of this project when run inside it, else the copy.
    ///
    /// # Errors
    /// When the user's folder is not there or cannot be read.
    pub(crate) fn find(folder: Option<&Path>) -> io::Result<Self> {
        if let Some(folder) = folder {
            std::fs::read_dir(folder)?;
            return Ok(Self::Folder(folder.canonicalize()?));
        }
        Ok(workspace_web().map_or(Self::Embedded, Self::Workspace))
    }

    /// Paths of the pages that are there.
    pub(crate) fn paths(&self) -> Vec<&'static str> {
        let there = |file: &str| match self {
            Self::Folder(folder) | Self::Workspace(folder) => folder.join(file).is_file(),
            Self::Embedded => Embedded::get(file).is_some(),
        };
        PAGES.iter().filter(|(_, file)| there(file)).map(|(path, _)| *path).collect()
    }

    /// Adds the pages and what they load, and our icon for pages that name none. Last of all routes: it takes every path that is left.
    pub(super) fn routes(&self, config: &mut ServiceConfig) {
        let own = DefaultHeaders::new()
            .add(("Content-Security-Policy", POLICY))
            .add(("X-Content-Type-Options", "nosniff"))
            .add(("Referrer-Policy", "no-referrer"))
            .add((CACHE_CONTROL, "no-cache"));
        match self {
            Self::Folder(folder) => config.service(folder_scope(folder)),
            Self::Workspace(folder) => config.service(folder_scope(folder).wrap(own)),
            Self::Embedded => config.service(embedded_scope().wrap(own)),
        };
    }
}

/// The nearest folder upwards that is this project, with its pages.
fn workspace_web() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    let project = here.ancestors().find(|folder| folder.join("crates/sse-server/Cargo.toml").is_file())?;
    Some(project.join("web")).filter(|web| web.join("index.html").is_file())
}

fn folder_scope(folder: &Path) -> actix_web::Scope {
    let mut scope = web::scope("");
    for (path, file) in PAGES.iter().filter(|(path, _)| *path != "/") {
        let file = folder.join(file);
        scope = scope.route(path, read_only().to(move || open_page(file.clone())));
    }
    let files = Files::new("/", folder)
        .index_file("index.html")
        .disable_content_disposition()
        .default_handler(web::to(async |request: HttpRequest| icon(&request)));
    scope.service(files)
}

async fn open_page(file: PathBuf) -> Result<NamedFile, Problem> {
    let opened = web::block(move || NamedFile::open(file)).await;
    opened.ok().and_then(Result::ok).ok_or_else(Problem::not_found)
}

/// What is asked of a folder that does not have it.
fn icon(request: &HttpRequest) -> Result<HttpResponse, Problem> {
    match request.path() {
        ICON_PATH => send_embedded(request, ICON_FILE),
        _ => Err(Problem::not_found()),
    }
}

fn embedded_scope() -> actix_web::Scope {
    let file = async |request: HttpRequest| embedded(&request);
    web::scope("").default_service(read_only().to(file))
}

/// GET, and HEAD as for any file.
fn read_only() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

fn embedded(request: &HttpRequest) -> Result<HttpResponse, Problem> {
    let path = request.path();
    let page =
        PAGES.iter().chain(&[(ICON_PATH, ICON_FILE)]).find(|(page, _)| *page == path).map(|(_, file)| *file);
    send_embedded(request, page.unwrap_or(path.trim_start_matches('/')))
}

fn send_embedded(request: &HttpRequest, name: &str) -> Result<HttpResponse, Problem> {
    let EmbeddedFile { data, metadata } = Embedded::get(name).ok_or_else(Problem::not_found)?;
    let digest: String = metadata.sha256_hash().iter().map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{digest}\"");
    let known = request.headers().get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    if known {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, tag)).finish());
    }
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, metadata.mimetype()))
        .insert_header((ETAG, tag))
        .body(data.into_owned()))
}
