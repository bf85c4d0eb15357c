//! `grid`: the local grid by itself, for tests of other programs; and looking at the grid of the settings.

mod contracts;
mod nodes;
mod run;

use clap::Subcommand;

use super::Context;
use crate::base::{Error, Kind, Result};
use crate::settings::Network;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    run: run::Alone,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the nodes of the grid that the settings name, page by page.
    Nodes(nodes::Args),
    /// Show one node.
    Node {
        /// Its number.
        id: u32,
    },
    /// List the contracts of our account, from a finalized block of the chain.
    Contracts(contracts::Args),
}

pub async fn run(context: &Context, args: Args) -> Result<()> {
    match args.verb {
        None => run::run(context, args.run).await,
        Some(Verb::Nodes(args)) => nodes::list(context, args).await,
        Some(Verb::Node { id }) => nodes::show(context, id).await,
        Some(Verb::Contracts(args)) => contracts::list(context, args).await,
    }
}

/// The local grid has no address of its own: it listens wherever it was started.
fn somewhere(context: &Context, addresses: &[String], setting: &str) -> Result<()> {
    if addresses.is_empty() && context.settings.grid.network == Network::Local {
        return Err(Error::new(
            Kind::Invalid,
            format!(
                "The setting {setting} is empty, and the network “local” has no addresses of its own. Start one with `cooperage grid`, which prints them, or choose another network with --set grid.network=main."
            ),
        ));
    }
    Ok(())
}

/// Columns as wide as their longest cell; those named in `right` are flush right.
fn table(head: &[&str], rows: &[Vec<String>], right: &[usize]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([head.get(column).map_or(0, |name| name.chars().count())]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let cells = cells.into_iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (cell, width))| match right.contains(&column) {
            true => format!("{cell:>width$}"),
            false => format!("{cell:width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    let mut text = line(head.to_vec());
    text.extend(rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_must_be() {
        let rows = [vec!["1".into(), "Zürich".into()], vec!["20".into(), "Ghent".into()]];
        assert_eq!(table(&["Node", "City"], &rows, &[0]), "Node  City\n   1  Zürich\n  20  Ghent\n");
    }
}
