//! The pages and the files they load: from the user's folder, else from `web/` of this project or the copy of it inside the
//! binary. `web/pages` and `web/client` are served as one folder. Our own HTML pages get their header here.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use actix_files::{NamedFile, file_extension_to_mime};
use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ContentType, ETAG, IF_NONE_MATCH};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use arc_swap::ArcSwap;
use rust_embed::Embed;

use super::problem_details::Problem;

/// A page with its link in the header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    pub(crate) path: &'static str,
    /// Its file in `web/pages`.
    pub(crate) file: &'static str,
    pub(crate) title: &'static str,
}

/// The hub's own pages. Those of applications stand between them.
const HOME: Page = Page { path: "/", file: "index.html", title: "Home" };
const INSPECT: Page = Page { path: "/inspect", file: "inspect.html", title: "Inspect" };

/// Browsers request it on their own when a page names no icon.
const ICON_PATH: &str = "/favicon.ico";
const ICON_FILE: &str = "favicon.svg";

/// The methods that files answer to.
const READ: &str = "GET, HEAD";

/// The header of all pages, and the markers that are replaced: by it in a page, by the links in it.
const HEADER_FILE: &str = "header.html";
const HEADER_MARKER: &str = "<!-- header -->";
const LINKS_MARKER: &str = "<!-- links -->";

/// For our own pages, which have no inline scripts or styles. Not for a user's folder. The one trusted-types policy is that of
/// `sse/worker-host.js`, which admits the address of the shared worker and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; worker-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types sse-hub-worker";

#[derive(Embed)]
#[folder = "../../web"]
#[exclude = "*/vendor/*.md"]
#[exclude = "*/vendor/*.sha256"]
#[exclude = "*.d.ts"]
struct Embedded;

/// Files and folders that nobody is to have.
pub(crate) type Hidden = Arc<ArcSwap<Vec<PathBuf>>>;

/// The pages that are served, and where they come from.
#[derive(Debug, Clone)]
pub(crate) struct Pages {
    pages: Vec<Page>,
    /// The user's folder: what is in it comes before our own files.
    folder: Option<PathBuf>,
    /// Files and folders that are not served, even from inside it.
    hidden: Hidden,
    /// `web/` of this project, for work on the pages; `None` is the copy inside the binary.
    workspace: Option<PathBuf>,
}

impl Pages {
    /// The hub's pages and those of `apps`, from the user's folder first. Our own files are those of the workspace when run
    /// inside it. `hidden` are files and folders that nobody is to have, even if they are in the user's folder.
    ///
    /// # Errors
    /// When the user's folder does not exist, cannot be read, or is hidden itself.
    pub(crate) fn new(
        apps: impl IntoIterator<Item = Page>,
        folder: Option<&Path>,
        hidden: Hidden,
    ) -> io::Result<Self> {
        let folder = match folder {
            Some(folder) => {
                std::fs::read_dir(folder)?;
                Some(folder.canonicalize()?)
            }
            None => None,
        };
        if hidden.load().iter().any(|hidden| folder.is_some() && hidden.canonicalize().ok() == folder) {
            return Err(io::Error::other(
                "the log is in this folder (--data-dir); choose another one for either",
            ));
        }
        let pages = std::iter::once(HOME).chain(apps).chain([INSPECT]).collect();
        Ok(Self { pages, folder, hidden, workspace: workspace_web() })
    }

    pub(crate) fn paths(&self) -> Vec<&'static str> {
        self.pages.iter().map(|page| page.path).collect()
    }

    /// Adds the pages and the files they load. Last of all routes: it takes every path that is left.
    pub(super) fn routes(&self, config: &mut ServiceConfig) {
        config.app_data(Data::new(self.clone())).service(web::resource("/{name:.*}").to(file));
    }

    /// A regular file of the user's folder; links do not lead out of it, and names that begin with a dot are hidden.
    fn user_file(&self, name: &str) -> Option<NamedFile> {
        let folder = self.folder.as_ref().filter(|_| is_plain(name))?;
        let mut path = folder.join(name).canonicalize().ok()?;
        if path.is_dir() {
            path = path.join("index.html").canonicalize().ok()?;
        }
        // As they are now: a folder may have been made after the start. One around the user's hides nothing in it.
        let hides = |hidden: PathBuf| path.starts_with(&hidden) && !folder.starts_with(&hidden);
        let is_hidden = self.hidden.load().iter().any(|hidden| hidden.canonicalize().is_ok_and(hides));
        let is_served = path.strip_prefix(folder).is_ok_and(is_plain) && !is_hidden && path.is_file();
        let file = is_served.then(|| NamedFile::open(path))?;
        file.ok().map(NamedFile::disable_content_disposition)
    }

    /// One of our own files as it is served: a page with its header. `None` for a page that is not served.
    fn read(&self, name: &str) -> Option<Cow<'static, [u8]>> {
        if !name.ends_with(".html") {
            return self.read_raw(name);
        }
        let current = self.pages.iter().find(|page| page.file == name)?;
        let (page, header) = (self.read_text(name)?, self.read_text(HEADER_FILE)?);
        let header = header.trim_end().replace(LINKS_MARKER, &self.links(current));
        Some(page.replace(HEADER_MARKER, &header).into_bytes().into())
    }

    fn read_text(&self, name: &str) -> Option<String> {
        Some(String::from_utf8_lossy(&self.read_raw(name)?).into_owned())
    }

    /// A file of `web/pages` or `web/client`. Blocks, but only in the workspace, on small files.
    fn read_raw(&self, name: &str) -> Option<Cow<'static, [u8]>> {
        if !is_plain(name) {
            return None;
        }
        ["pages", "client"].iter().find_map(|part| match &self.workspace {
            Some(web) => std::fs::read(web.join(part).join(name)).ok().map(Cow::from),
            None => Embedded::get(&format!("{part}/{name}")).map(|file| file.data),
        })
    }

    fn links(&self, current: &Page) -> String {
        let link = |Page { path, title, .. }: &Page| {
            let mark = if *path == current.path { " aria-current=\"page\"" } else { "" };
            format!("<li><a href=\"{path}\"{mark}>{title}</a></li>")
        };
        self.pages.iter().map(link).collect()
    }
}

/// `web/` of this project, for a debug build that is run inside it.
fn workspace_web() -> Option<PathBuf> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().ok()?;
    let is_inside = std::env::current_dir().ok()?.starts_with(&project);
    (cfg!(debug_assertions) && is_inside).then(|| project.join("web"))
}

/// Leads to something inside a folder, and to nothing hidden. On Windows `a::$DATA` is another name of `a`.
fn is_plain(name: impl AsRef<Path>) -> bool {
    let is_odd = |part: &str| part.starts_with('.') || cfg!(windows) && part.contains(':');
    let is_plain = |part| matches!(part, Component::Normal(part) if !is_odd(&part.to_string_lossy()));
    name.as_ref().components().all(is_plain)
}

/// A file of the user's, else our own.
async fn file(
    request: HttpRequest,
    name: actix_web::Result<web::Path<String>>,
) -> Result<HttpResponse, Problem> {
    let pages = request.app_data::<Data<Pages>>().ok_or_else(Problem::not_found)?;
    let path = request.path();
    let page = pages.pages.iter().find(|page| page.path == path).map(|page| page.file.to_owned());
    let name = match page {
        Some(file) => file,
        None if path == ICON_PATH => ICON_FILE.to_owned(),
        None => name.map_err(|_| Problem::not_found())?.into_inner(),
    };
    let allowed = [Method::GET, Method::HEAD].contains(request.method());
    let (find, wanted) = (Data::clone(pages), name.clone());
    if pages.folder.is_some()
        && let Ok(Some(file)) = web::block(move || find.user_file(&wanted)).await
    {
        return if allowed {
            Ok(file.into_response(&request))
        } else {
            Err(Problem::method_not_allowed(READ))
        };
    }
    own_file(&request, pages, &name, allowed)
}

fn own_file(
    request: &HttpRequest,
    pages: &Pages,
    name: &str,
    allowed: bool,
) -> Result<HttpResponse, Problem> {
    let content = pages.read(name).ok_or_else(Problem::not_found)?;
    if !allowed {
        return Err(Problem::method_not_allowed(READ));
    }
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    let tag = format!("\"{:016x}\"", hasher.finish());
    let known = request.headers().get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((CONTENT_SECURITY_POLICY, POLICY));
    response.insert_header((CACHE_CONTROL, "no-cache")).insert_header((ETAG, tag));
    if known {
        return Ok(response.finish());
    }
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str());
    let mime = file_extension_to_mime(extension.unwrap_or_default());
    response.insert_header(ContentType(mime));
    Ok(match content {
        Cow::Borrowed(content) => response.body(content),
        Cow::Owned(content) => response.body(content),
    })
}
