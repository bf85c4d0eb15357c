//! What is for sale. Browsing needs no account.

use actix_web::HttpRequest;
use actix_web::web::Data;

use super::offer;
use super::shelf::Shelf;
use crate::app::App;
use crate::domain::exposure::Buyer;
use crate::web::error::PageResult;
use crate::web::extract::Browser;
use crate::web::page::guest::catalogue::{View, page};

pub async fn show(browser: Browser, request: HttpRequest, shelf: Data<Shelf>) -> PageResult {
    Ok(shelf.show(&browser, &request, "/catalogue", || page(&browser.chrome(), &view(&browser.app)))?)
}

fn view(app: &App) -> View {
    View {
        sizes: offer::sizes(app),
        images: offer::images(app),
        regions: offer::regions(app, &Buyer::default()),
        sla: offer::sla(&app.catalogue.sla),
    }
}
