//! Pages that are the same for every guest: made once, packed once, and kept until the nodes change, or whom they are sold to.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, PoisonError, RwLock};

use actix_web::http::header::{self, AcceptEncoding, Encoding, Header};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use flate2::Compression;
use flate2::write::GzEncoder;
use maud::Markup;

use crate::base::{Error, Result};
use crate::domain::exposure::Exposure;
use crate::domain::pool::Pool;
use crate::web::extract::Browser;

/// The pages, by their path. They hold no form and say nothing to anybody, so that they need no cookie either.
#[derive(Default)]
pub struct Shelf {
    pages: RwLock<BTreeMap<&'static str, Kept>>,
}

#[derive(Clone)]
struct Kept {
    /// What it was made from: the index's next answer is another pool, and asks for another page.
    from: (Arc<Pool>, Arc<Vec<Exposure>>),
    plain: Bytes,
    packed: Bytes,
}

impl Shelf {
    /// The page at `path` for this browser: from the shelf for guests, made for everybody else.
    pub fn show(
        &self,
        browser: &Browser,
        request: &HttpRequest,
        path: &'static str,
        make: impl FnOnce() -> Markup,
    ) -> Result<HttpResponse> {
        if !browser.is_plain_guest() {
            return Ok(browser.show(200, make()));
        }
        let from = (browser.app.nodes(), browser.app.exposures());
        let same = |kept: &Kept| Arc::ptr_eq(&kept.from.0, &from.0) && Arc::ptr_eq(&kept.from.1, &from.1);
        let kept = self.kept(path).filter(same);
        let kept = match kept {
            Some(kept) => kept,
            None => self.keep(path, from, make())?,
        };
        let mut answer = HttpResponse::Ok();
        answer.content_type("text/html; charset=utf-8").insert_header((header::VARY, "accept-encoding"));
        Ok(match takes_gzip(request) {
            true => answer.insert_header((header::CONTENT_ENCODING, "gzip")).body(kept.packed),
            false => answer.insert_header((header::CONTENT_ENCODING, "identity")).body(kept.plain),
        })
    }

    fn kept(&self, path: &str) -> Option<Kept> {
        self.pages.read().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }

    fn keep(&self, path: &'static str, from: (Arc<Pool>, Arc<Vec<Exposure>>), page: Markup) -> Result<Kept> {
        let plain = Bytes::from(page.into_string());
        debug_assert!(!plain.windows(5).any(|word| word == b"<form"), "a form is its browser's own and can't be kept");
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        let packed = packer.write_all(&plain).and_then(|()| packer.finish());
        let packed = packed.map_err(|cause| Error::internal("A page can't be packed.").because(cause))?.into();
        let kept = Kept { from, plain, packed };
        self.pages.write().unwrap_or_else(PoisonError::into_inner).insert(path, kept.clone());
        Ok(kept)
    }
}

fn takes_gzip(request: &HttpRequest) -> bool {
    let wanted = AcceptEncoding::parse(request).ok();
    wanted.is_some_and(|wanted| wanted.negotiate([Encoding::gzip(), Encoding::identity()].iter()) == Some(Encoding::gzip()))
}
