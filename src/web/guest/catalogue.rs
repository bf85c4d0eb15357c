//! What is for sale. Browsing needs no account.

use super::offer;
use crate::web::error::PageResult;
use crate::web::extract::Browser;
use crate::web::page::guest::catalogue::{View, page};

pub async fn show(browser: Browser) -> PageResult {
    let app = &browser.app;
    let view = View {
        sizes: offer::sizes(app),
        images: offer::images(app),
        regions: offer::regions(app),
        sla: offer::sla(&app.catalogue.sla),
    };
    Ok(browser.show(200, page(&browser.chrome(), &view)))
}
