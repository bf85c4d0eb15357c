//! What is remembered of a server on its way to its owner, beside its file: what is put on the node is made once.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::ids::OrderId;
use crate::base::{Error, Kind, Result};
use crate::domain::handover::Handover;
use crate::domain::order::Attempt;

/// How far a server is.
#[derive(Serialize, Deserialize)]
pub(super) struct Standing {
    /// Whose notes these are: of which server, for which account.
    pub order: OrderId,
    pub address: String,
    pub twin: u32,
    pub attempt: Attempt,
    /// Until this block a contract may come that was asked for.
    pub until: Option<u32>,
    /// It was ready once: from then on something of its owner's may be on it.
    pub ready: bool,
}

/// The file that it is kept in.
pub(super) struct Notes(PathBuf);

impl Notes {
    pub(super) fn beside(handover: &Path) -> Notes {
        Notes(handover.with_extension("taken.json"))
    }

    /// None if nothing is noted. Notes of another server, or of another account, are never taken for those of this one.
    pub(super) fn read(&self, handover: &Handover, address: &str) -> Result<Option<Standing>> {
        let shown = self.0.display();
        let wrong = |cause: String| Error::new(Kind::Invalid, format!("{shown} can't be read.")).because(cause);
        let text = match fs::read_to_string(&self.0) {
            Ok(text) => text,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(wrong(cause.to_string())),
        };
        let standing: Standing = serde_json::from_str(&text).map_err(|cause| wrong(cause.to_string()))?;
        if standing.order != handover.order {
            return Err(Error::new(
                Kind::Invalid,
                format!(
                    "{shown} is of another server, {}, and the file is of {}: give each file its own name back, and keep its notes beside it.",
                    standing.order, handover.order
                ),
            ));
        }
        if standing.address != address {
            return Err(Error::new(
                Kind::Invalid,
                format!(
                    "{shown} is of the account {}, and these are the words of {address}: use the words that it was begun with.",
                    standing.address
                ),
            ));
        }
        Ok(Some(standing))
    }

    /// The node's half of the network's key is in it: for its owner only.
    pub(super) fn write(&self, standing: &Standing) -> Result<()> {
        let text = serde_json::to_string(standing).map_err(|cause| Error::internal("A plan does not print.").because(cause))?;
        write(&self.0, &text)
    }

    pub(super) fn forget(&self) -> Result<()> {
        fs::remove_file(&self.0)
            .map_err(|cause| Error::new(Kind::Invalid, format!("{} can't be removed.", self.0.display())).because(cause))
    }

    /// The file of its tunnel, for its owner only.
    pub(super) fn write_tunnel(&self, text: &str) -> Result<PathBuf> {
        let file = self.0.with_extension("").with_extension("conf");
        write(&file, text)?;
        Ok(file)
    }
}

/// Whole or not at all.
fn write(file: &Path, text: &str) -> Result<()> {
    let wrong = |cause: std::io::Error| Error::new(Kind::Invalid, format!("{} can't be written.", file.display())).because(cause);
    let new = file.with_extension("new");
    let mut out = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new).map_err(wrong)?;
    out.write_all(text.as_bytes()).and_then(|()| out.sync_all()).map_err(wrong)?;
    fs::rename(&new, file).map_err(wrong)
}
