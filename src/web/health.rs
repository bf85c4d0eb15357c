//! For supervisors and load balancers: whether we live, and whether we can work.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::json;

use crate::app::App;
use crate::app::chain::Obstacle;
use crate::domain::exposure::{Buyer, for_sale};

/// The process answers.
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("ok\n")
}

/// The store can be read, the grid account is set up, nodes are known and nothing stands in the way: orders can be taken.
pub async fn ready(app: Data<App>) -> HttpResponse {
    let store = app.read().is_ok();
    let grid = app.twin().is_ok();
    let nodes = for_sale(&app.nodes(), &app.exposures(), &Buyer::default()).count();
    // Words only: what is in the wallet is nobody's business here.
    let obstacles: Vec<&str> = app.obstacles().unwrap_or_default().iter().map(Obstacle::word).collect();
    let ready = store && grid && nodes > 0 && obstacles.is_empty();
    let body = json!({ "ready": ready, "store": store, "grid_account": grid, "nodes_for_sale": nodes, "obstacles": obstacles });
    let mut answer = if ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    answer.json(body)
}
