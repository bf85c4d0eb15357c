//! `settings`: what is in force.

use serde::Serialize;

use super::{Context, Say};
use crate::base::Result;

#[derive(Serialize)]
struct Line {
    name: String,
    value: String,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Lines(Vec<Line>);

impl Say for Lines {
    fn words(&self) -> String {
        let width = self.0.iter().map(|line| line.name.len()).max().unwrap_or(0);
        self.0.iter().map(|line| format!("{:width$}  {}\n", line.name, line.value)).collect()
    }
}

pub fn run(context: &Context) -> Result<()> {
    let lines = context.settings.printed().into_iter().map(|(name, value)| Line { name, value });
    context.say(&Lines(lines.collect()))
}
