//! `admin`: makes an operator without a mail, and looks after the wallet's words.

use std::collections::BTreeSet;
use std::io::BufRead;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Subcommand, ValueEnum};
use serde::Serialize;

use super::{Context, Say, wallet};
use crate::app::account::{NewPerson, create_person};
use crate::base::{Error, Kind, Result, Secret};
use crate::domain::account::Role;
use crate::host::{HostClock, HostRandom};
use crate::store::{Options, Store};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make an account. The marketplace must not be running on the same data folder.
    Create {
        #[arg(long)]
        email: String,
        #[arg(long)]
        name: String,
        /// Once for each role; operator and user if none is named.
        #[arg(long, value_enum)]
        role: Vec<RoleName>,
        /// The password is the first line of this file; of standard input if none is named.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// The operator's account on the grid.
    Wallet {
        #[command(subcommand)]
        verb: wallet::Verb,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleName {
    User,
    Provider,
    Operator,
}

#[derive(Serialize)]
struct Created {
    id: String,
    email: String,
    roles: Vec<&'static str>,
}

impl Say for Created {
    fn words(&self) -> String {
        format!("{} is {} now, with the roles {}.", self.email, self.id, self.roles.join(" and "))
    }
}

pub async fn run(context: &Context, args: Args) -> Result<()> {
    let (email, name, role, password_file) = match args.verb {
        Verb::Create { email, name, role, password_file } => (email, name, role, password_file),
        Verb::Wallet { verb } => return wallet::run(context, verb),
    };
    let roles: BTreeSet<Role> = match role.is_empty() {
        true => [Role::User, Role::Operator].into(),
        false => role
            .into_iter()
            .map(|name| match name {
                RoleName::User => Role::User,
                RoleName::Provider => Role::Provider,
                RoleName::Operator => Role::Operator,
            })
            .collect(),
    };
    let password = read_password(password_file)?;
    let store = Store::open(&context.settings.server.data, Options::default())?;
    let (clock, random) = (HostClock::new(), Arc::new(HostRandom));
    let user = create_person(&store, &*clock, random, NewPerson { name, email, password }, roles).await?;
    store.close();
    context.say(&Created {
        id: user.id.to_string(),
        email: user.email.to_string(),
        roles: user.roles.iter().map(|role| role.name()).collect(),
    })
}

fn read_password(file: Option<PathBuf>) -> Result<Secret<String>> {
    let failed = |cause: std::io::Error| Error::new(Kind::Invalid, "The password can't be read.").because(cause);
    let text = match file {
        Some(file) => std::fs::read_to_string(file).map_err(failed)?,
        None => {
            eprintln!("Password (first line of standard input):");
            let mut line = String::new();
            std::io::stdin().lock().read_line(&mut line).map_err(failed)?;
            line
        }
    };
    Ok(Secret::new(text.lines().next().unwrap_or_default().to_owned()))
}
