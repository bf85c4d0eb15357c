//! The first page.

use super::offer;
use crate::web::error::PageResult;
use crate::web::extract::Browser;
use crate::web::page::guest::landing::{View, page};

pub async fn show(browser: Browser) -> PageResult {
    let regions = offer::regions(&browser.app);
    let view = View {
        sizes: offer::sizes(&browser.app),
        sla: offer::sla(&browser.app.catalogue.sla),
        nodes: regions.iter().map(|region| region.nodes).sum(),
        countries: u32::try_from(regions.len()).unwrap_or(u32::MAX),
    };
    Ok(browser.show(200, page(&browser.chrome(), &view)))
}
