//! One path of the API and its methods. Refuses every other method by name.

use actix_web::guard::{self, Guard};
use actix_web::http::Method;
use actix_web::web;
use actix_web::{FromRequest, Handler, HttpResponse, Resource, Responder, Route};

use super::problem_details::Problem;

/// For event streams and what waits.
pub(crate) const GET: &[Method] = &[Method::GET];
/// GET, and HEAD with what GET would say of its answer.
pub(crate) const READ: &[Method] = &[Method::GET, Method::HEAD];
pub(crate) const POST: &[Method] = &[Method::POST];
pub(crate) const DELETE: &[Method] = &[Method::DELETE];

/// A path and what can be done with it.
pub(crate) struct Endpoint {
    path: &'static str,
    methods: Vec<Method>,
    routes: Vec<Route>,
    is_page: bool,
}

impl Endpoint {
    /// A path with nothing to do yet. A parameter stands in braces at the end and takes all that is left of the
    /// path, slashes included.
    pub(crate) fn new(path: &'static str) -> Self {
        Self { path, methods: Vec::new(), routes: Vec::new(), is_page: false }
    }

    /// Answers these methods.
    pub(crate) fn on<F, Args>(mut self, methods: &'static [Method], handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.methods.extend_from_slice(methods);
        self.routes.push(web::route().guard(one_of(methods)).to(handler));
        self
    }

    /// The path is also that of a page: GET and HEAD are left to it.
    pub(crate) fn beside_page(mut self) -> Self {
        self.is_page = true;
        self
    }

    /// Is it only for those whom [`AppState::check_operator`](super::AppState::check_operator) lets through?
    pub(super) fn is_for_operators(&self) -> bool {
        is_for_operators(self.path)
    }

    pub(super) fn is_health(&self) -> bool {
        ["/livez", "/readyz"].contains(&self.path)
    }

    /// For actix-web.
    pub(crate) fn into_resource(self) -> Resource {
        let page = if self.is_page { READ } else { &[] };
        let allowed: Vec<&str> = page.iter().chain(&self.methods).map(Method::as_str).collect();
        let allowed = allowed.join(", ");
        let mut resource = web::resource(self.path.replace('}', ":.*}"));
        if self.is_page {
            resource = resource.guard(guard::Not(one_of(READ)));
        }
        let resource = self.routes.into_iter().fold(resource, Resource::route);
        let refusal =
            move || std::future::ready(Err::<HttpResponse, _>(Problem::method_not_allowed(&allowed)));
        resource.default_service(web::to(refusal))
    }
}

/// Is what is at this path only for operators?
pub(super) fn is_for_operators(path: &str) -> bool {
    path == "/metrics" || path == "/admin" || path.starts_with("/admin/")
}

/// Unlike actix-web's own guards it does not write down what it looked for: that costs every request several
/// allocations, and [`Endpoint`] knows its methods.
fn one_of(methods: &'static [Method]) -> impl Guard {
    guard::fn_guard(move |context| methods.contains(&context.head().method))
}

#[cfg(test)]
impl Endpoint {
    /// The path, parameters in braces.
    pub(crate) fn path(&self) -> &'static str {
        self.path
    }

    /// The methods that are answered.
    pub(crate) fn methods(&self) -> &[Method] {
        &self.methods
    }
}
