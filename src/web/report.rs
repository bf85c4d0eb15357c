//! What VMs say of themselves, and the script that makes them say it. Whoever has the address is the VM.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use super::error::PageResult;
use super::extract::{Told, sender};
use crate::app::App;
use crate::base::Error;
use crate::domain::report::{Report, Seat};
use crate::domain::sync;
use crate::store::backup::Backups;
use crate::store::order::Orders;

const INSTALL: &str = include_str!("../../assets/vm/install.sh");
const INSTALL_HOME: &str = include_str!("../../assets/vm/install_home.sh");
const HOME: &str = include_str!("../../assets/vm/home.sh");
/// Part of the scripts that call us.
const POST: &str = include_str!("../../assets/vm/post.sh");
const REPORT: &str = include_str!("../../assets/vm/report.sh");
const SYNC: &str = include_str!("../../assets/vm/sync.sh");
const PLAIN: &str = "text/plain; charset=utf-8";

/// The script, with this VM's own address in it.
pub async fn install(app: Data<App>, secret: Path<String>, request: HttpRequest) -> PageResult {
    let reporter = app.reporter_of(&secret, &sender(&request, &app))?;
    let url = format!("{}/r/{}", app.settings.server.public_url, secret.as_str());
    let snapshot = app.read()?;
    if reporter.seat == Seat::Home {
        let order = snapshot.order(reporter.order)?.ok_or_else(|| Error::not_found("page"))?;
        return Ok(HttpResponse::Ok().content_type(PLAIN).body(home_script(&url, order.wish.name.as_str())));
    }
    let copies = snapshot.backup(reporter.order)?.is_some_and(|backup| !backup.stage.over());
    Ok(HttpResponse::Ok().content_type(PLAIN).body(script(&url, copies)))
}

/// One message. The answer says whether the log is wanted next time.
pub async fn create(app: Data<App>, told: Told) -> PageResult {
    match Report::parse(&told.message) {
        Ok(report) => {
            let logs = app.take_report(told.reporter, report).await?;
            Ok(HttpResponse::Ok().content_type(PLAIN).body(if logs { "log 1\n" } else { "log 0\n" }))
        }
        Err(why) => Ok(HttpResponse::UnprocessableEntity().content_type(PLAIN).body(format!("{why}\n"))),
    }
}

/// A machine says that it ends.
pub async fn end(app: Data<App>, told: Told) -> PageResult {
    app.take_end(told.reporter).await?;
    Ok(HttpResponse::Ok().content_type(PLAIN).body("ended\n"))
}

/// What a machine tells of its copies. The answer says what it is to do.
pub async fn sync(app: Data<App>, told: Told) -> PageResult {
    match sync::Told::parse(&told.message) {
        Ok(message) => {
            let answer = app.take_sync(told.reporter, message).await?;
            Ok(HttpResponse::Ok().content_type(PLAIN).body(answer))
        }
        Err(why) => Ok(HttpResponse::UnprocessableEntity().content_type(PLAIN).body(format!("{why}\n"))),
    }
}

/// `copies`: with what keeps two servers in step.
fn script(url: &str, copies: bool) -> String {
    let sync = match copies {
        true => format!(
            "  cat >\"$here/sync.sh\" <<'COOPERAGE_END'\n{}\nCOOPERAGE_END\n  if [ -z \"$root\" ]; then tools; fi\n",
            SYNC.trim_end()
        ),
        false => String::new(),
    };
    let script = INSTALL.replace("@SYNC@\n", &sync);
    script.replace("@REPORT@", REPORT.trim_end()).replace("# @POST@", POST.trim_end()).replace("@URL@", &quoted(url))
}

/// For a machine of the customer's own, which copies the server of this name.
fn home_script(url: &str, name: &str) -> String {
    let script = INSTALL_HOME.replace("@HOME@", HOME.trim_end()).replace("# @POST@", POST.trim_end());
    script.replace("@FOLDER@", &home_folder(name)).replace("@URL@", &quoted(url))
}

/// Where the script puts itself and the copies, below the home folder.
pub fn home_folder(name: &str) -> String {
    format!("copies-of-{name}")
}

/// As one word for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_holds_the_reporter_and_the_address_and_nothing_is_left_to_fill_in() {
        let with = super::script("https://co-op.example/r/0a1b", true);
        assert!(with.contains("Keeps two servers in step") && with.ends_with("\ninstall\n"));
        let script = script("https://co-op.example/r/0a1b", false);
        assert!(!script.contains("Keeps two servers in step") && !script.contains("@SYNC@"));
        assert!(script.contains("'https://co-op.example/r/0a1b'") && script.contains("Tells the marketplace once a minute"));
        let home = home_script("https://co-op.example/r/0a1b", "web-1");
        assert!(home.contains("$HOME/copies-of-web-1") && home.contains("Keeps copies of a server's folders"));
        for script in [&with, &script, &home] {
            assert_eq!(
                script.matches("COOPERAGE_END'\n").count(),
                script.matches("\nCOOPERAGE_END\n").count(),
                "each part ends once"
            );
            assert!(script.contains("\npost() {"));
            for word in ["@POST@", "@HOME@", "@FOLDER@", "@SYNC@", "@REPORT@", "@URL@"] {
                assert!(!script.contains(word), "{word}");
            }
        }
        assert_eq!(quoted("a'b $(c)"), r"'a'\''b $(c)'");
    }
}
