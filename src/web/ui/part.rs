//! The parts pages are put together from.

use maud::{Markup, html};
use serde::Serialize;

pub use super::format::{ago, count, cpus, day, disk, memory, money, percent, span, tokens, when};
use super::icon::{Icon, icon};
use crate::base::Time;

/// The head of a page: its only h1, one sentence, and what one can do here.
pub fn head(title: &str, lead: Markup, actions: Markup) -> Markup {
    html! {
        header.head {
            div { h1 { (title) } p.lead { (lead) } }
            div.actions { (actions) }
        }
    }
}

/// A way back to where this page hangs.
pub fn back(href: &str, text: &str) -> Markup {
    html! { p.back { a href=(href) { "← " (text) } } }
}

/// A titled sheet.
pub fn card(title: &str, body: Markup) -> Markup {
    html! { section.card { h2 { (title) } (body) } }
}

/// A link that looks like the button it leads to.
pub fn button(href: &str, text: &str) -> Markup {
    html! { a.btn href=(href) { (text) } }
}

/// What a badge feels like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    Good,
    Busy,
    Warn,
    Bad,
    Quiet,
}

/// A state in a word. The word carries the meaning; the colour only helps.
pub fn badge(tone: Tone, text: &str) -> Markup {
    let class = match tone {
        Tone::Good => "good",
        Tone::Busy => "busy",
        Tone::Warn => "warn",
        Tone::Bad => "bad",
        Tone::Quiet => "quiet",
    };
    html! { span.badge.(class) { (text) } }
}

/// A list that is empty says what to do next.
pub fn empty(title: &str, text: &str, action: Markup) -> Markup {
    html! {
        div.empty {
            img src=(super::asset::url("mark.svg")) alt="" width="56" height="56";
            h2 { (title) }
            p { (text) }
            (action)
        }
    }
}

/// The head of a table's column.
pub struct Column {
    text: &'static str,
    number: bool,
}

pub const fn text(text: &'static str) -> Column {
    Column { text, number: false }
}

pub const fn number(text: &'static str) -> Column {
    Column { text, number: true }
}

/// A table. On a phone each row becomes a small sheet with the column's name before each value.
pub fn table(caption: &str, columns: &[Column], rows: Vec<Vec<Markup>>) -> Markup {
    html! {
        div.table-box {
            table {
                caption.hidden { (caption) }
                thead { tr { @for column in columns {
                    th scope="col" class=[column.number.then_some("number")] { (column.text) }
                } } }
                tbody {
                    @for row in rows {
                        tr { @for (column, cell) in columns.iter().zip(row) {
                            td data-label=(column.text) class=[column.number.then_some("number")] { div { (cell) } }
                        } }
                    }
                }
            }
        }
    }
}

/// Names and values.
pub fn facts(facts: Vec<(&str, Markup)>) -> Markup {
    html! {
        dl.facts { @for (name, value) in facts { div { dt { (name) } dd { (value) } } } }
    }
}

/// A figure with its name.
pub fn figure(name: &str, value: Markup, note: Markup) -> Markup {
    html! {
        div.figure { p.figure-name { (name) } p.figure-value { (value) } p.figure-note { (note) } }
    }
}

/// A page of a list: where the pages before and after it are.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Pager {
    pub newer: Option<String>,
    pub older: Option<String>,
}

pub fn pager(pager: &Pager) -> Markup {
    pager_saying("← Newer", "Older →", pager)
}

/// The same for lists that are not in the order of time.
pub fn pager_saying(back: &str, onwards: &str, pager: &Pager) -> Markup {
    html! {
        @if pager.newer.is_some() || pager.older.is_some() {
            nav.pager aria-label="Pages of this list" {
                @if let Some(href) = &pager.newer { a.btn.quiet href=(href) rel="prev" { (back) } }
                @if let Some(href) = &pager.older { a.btn.quiet.end href=(href) rel="next" { (onwards) } }
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    Done,
    Now,
    Todo,
    Failed,
}

impl StepState {
    const fn class(self) -> &'static str {
        match self {
            StepState::Done => "done",
            StepState::Now => "now",
            StepState::Todo => "todo",
            StepState::Failed => "failed",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            StepState::Done => "Done",
            StepState::Now => "In progress",
            StepState::Todo => "Still to come",
            StepState::Failed => "Did not work",
        }
    }
}

/// One step of something that takes a while.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    pub name: String,
    /// A sentence: what happens here, or what happened.
    pub text: String,
    pub state: StepState,
    /// When it was finished, or when it began if it is still going on.
    pub at: Option<Time>,
}

/// Steps from top to bottom, each with its sentence.
pub fn steps(steps: &[Step]) -> Markup {
    list("steps", steps)
}

/// The same steps side by side where there is room.
pub fn track(steps: &[Step]) -> Markup {
    list("track", steps)
}

fn list(class: &str, steps: &[Step]) -> Markup {
    html! {
        ol.(class) {
            @for (place, step) in steps.iter().enumerate() {
                li.(step.state.class()) aria-current=[(step.state == StepState::Now).then_some("step")] {
                    span.dot aria-hidden="true" {
                        @match step.state {
                            StepState::Done => (icon(Icon::Check)),
                            StepState::Failed => (icon(Icon::Alert)),
                            StepState::Now | StepState::Todo => { (place + 1) }
                        }
                    }
                    div.step-body {
                        p.step-name { (step.name) span.hidden { ": " (step.state.word()) } }
                        @if !step.text.is_empty() { p.step-text { (step.text) } }
                        @if let Some(at) = step.at { p.step-at { (when(at)) } }
                    }
                }
            }
        }
    }
}

/// A value to take away, with a button that copies it where there is script.
pub fn copyable(label: &str, value: &str) -> Markup {
    html! {
        div.copy {
            p.copy-label { (label) }
            div.copy-line {
                code { (value) }
                button.btn.quiet.small type="button" data-copy=(value) hidden { "Copy" span.hidden { " " (label) } }
            }
        }
    }
}

/// How much of something, as a bar. Says the same in words beside it.
pub fn bar(label: &str, value: u64, max: u64) -> Markup {
    html! { progress.bar value=(value) max=(max.max(1)) aria-label=(label) { (value) " of " (max) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_says_its_state_in_words_too() {
        let step = Step { name: "Pay".into(), text: String::new(), state: StepState::Failed, at: None };
        assert!(steps(&[step]).into_string().contains("Did not work"));
    }

    #[test]
    fn a_list_of_one_page_has_no_pager() {
        assert_eq!(pager(&Pager::default()).into_string(), "");
        assert!(pager(&Pager { newer: None, older: Some("?before=x".into()) }).into_string().contains("Older"));
    }
}
