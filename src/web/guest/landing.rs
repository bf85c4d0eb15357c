//! The first page.

use actix_web::HttpRequest;
use actix_web::web::Data;

use super::offer;
use super::shelf::Shelf;
use crate::app::App;
use crate::domain::exposure::{Buyer, for_sale};
use crate::web::error::PageResult;
use crate::web::extract::Browser;
use crate::web::page::guest::landing::{View, page};

pub async fn show(browser: Browser, request: HttpRequest, shelf: Data<Shelf>) -> PageResult {
    Ok(shelf.show(&browser, &request, "/", || page(&browser.chrome(), &view(&browser.app)))?)
}

fn view(app: &App) -> View {
    let regions = offer::regions(app, &Buyer::default());
    View {
        sizes: offer::sizes(app),
        sla: offer::sla(&app.catalogue.sla),
        nodes: u32::try_from(for_sale(&app.nodes(), &app.exposures(), &Buyer::default()).count()).unwrap_or(u32::MAX),
        countries: u32::try_from(regions.len()).unwrap_or(u32::MAX),
    }
}
