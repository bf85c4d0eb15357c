//! Forms: a label, a hint and the error at the field; what was typed is kept. Every one carries the anti-forgery field.

use std::collections::BTreeMap;

use maud::{Markup, PreEscaped, html};
use serde::Serialize;

use super::Chrome;
use super::icon::{Icon, icon};
use crate::base::Error;

/// What was typed into a form and what is wrong with it. Passwords are never put in here.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Filled {
    values: BTreeMap<String, String>,
    errors: BTreeMap<String, String>,
    /// What is wrong with the form as a whole.
    error: Option<String>,
}

impl Filled {
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.values.insert(name.to_owned(), value.into());
        self
    }

    pub fn wrong(mut self, name: &str, message: impl Into<String>) -> Self {
        self.errors.insert(name.to_owned(), message.into());
        self
    }

    /// Puts the error where it belongs: at its field, or on top of the form.
    pub fn refused(mut self, error: &Error) -> Self {
        match error.field() {
            Some(field) => self.wrong(field, error.message()),
            None => {
                self.error = Some(error.message().to_owned());
                self
            }
        }
    }

    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Whether anything is wrong.
    pub fn is_refused(&self) -> bool {
        self.error.is_some() || !self.errors.is_empty()
    }

    pub fn error(&self, name: &str) -> Option<&str> {
        self.errors.get(name).map(String::as_str)
    }
}

/// A form that changes something.
pub fn post(chrome: &Chrome, action: &str, body: Markup) -> Markup {
    html! {
        form method="post" action=(action) { (csrf(chrome)) (body) }
    }
}

/// The same under an id of its own, for fields of it that stand elsewhere on the page.
pub fn post_as(id: &str, chrome: &Chrome, action: &str, body: Markup) -> Markup {
    html! {
        form #(id) method="post" action=(action) { (csrf(chrome)) (body) }
    }
}

/// A form with fields: wider spacing, and a summary of what is wrong on top.
pub fn sheet(chrome: &Chrome, action: &str, filled: &Filled, body: Markup) -> Markup {
    html! {
        form.sheet method="post" action=(action) novalidate { (csrf(chrome)) (summary(filled, &body)) (body) }
    }
}

fn csrf(chrome: &Chrome) -> Markup {
    html! { input type="hidden" name="csrf" value=(chrome.csrf); }
}

/// What is wrong, on top. An error whose field is not on this form stands here in full: nobody is refused without a reason.
fn summary(filled: &Filled, body: &Markup) -> Markup {
    let (here, elsewhere): (Vec<_>, Vec<_>) =
        filled.errors.iter().partition(|(name, _)| body.0.contains(&format!("id=\"f-{name}-error\"")));
    let whole = filled.error.as_ref().into_iter().chain(elsewhere.into_iter().map(|(_, error)| error));
    html! {
        @for error in whole {
            p.flash.bad role="alert" { (icon(Icon::Alert)) span { (error) } }
        }
        @if !here.is_empty() {
            div.flash.bad role="alert" {
                (icon(Icon::Alert))
                span {
                    "That did not work yet. Please look at "
                    @for (place, (name, _)) in here.iter().enumerate() {
                        @if place > 0 { ", " }
                        a href={ "#f-" (name) } { @match label_of(name, body) { Some(label) => (label), None => (name.replace('_', " ")) } }
                    }
                    "."
                }
            }
        }
    }
}

/// What stands at a field of this form, as a person reads it.
fn label_of(name: &str, body: &Markup) -> Option<Markup> {
    let after = |mark: &str| body.0.split_once(mark).map(|(_, rest)| rest);
    let tick = || after(&format!("for=\"f-{name}\"><input"))?.split_once("<span class=\"choice-title\">").map(|(_, rest)| rest);
    let from = after(&format!("<label for=\"f-{name}\">")).or_else(tick)?;
    from.split('<').next().filter(|label| !label.is_empty()).map(|label| PreEscaped(label.to_owned()))
}

/// One line or several lines of text.
pub struct Text<'a> {
    name: &'a str,
    label: &'a str,
    kind: &'a str,
    hint: Option<&'a str>,
    autocomplete: Option<&'a str>,
    rows: Option<u8>,
    required: bool,
    max: Option<u16>,
    code: bool,
    digits: bool,
}

impl<'a> Text<'a> {
    pub fn new(name: &'a str, label: &'a str) -> Self {
        Text {
            name,
            label,
            kind: "text",
            hint: None,
            autocomplete: None,
            rows: None,
            required: true,
            max: None,
            code: false,
            digits: false,
        }
    }

    pub fn email(name: &'a str, label: &'a str) -> Self {
        Text { kind: "email", autocomplete: Some("email"), ..Text::new(name, label) }
    }

    /// `purpose` is what password managers go by: `current-password` or `new-password`.
    pub fn password(name: &'a str, label: &'a str, purpose: &'a str) -> Self {
        Text { kind: "password", autocomplete: Some(purpose), ..Text::new(name, label) }
    }

    /// A day and a time.
    pub fn moment(name: &'a str, label: &'a str) -> Self {
        Text { kind: "datetime-local", ..Text::new(name, label) }
    }

    pub fn hint(self, hint: &'a str) -> Self {
        Text { hint: Some(hint), ..self }
    }

    pub fn autocomplete(self, purpose: &'a str) -> Self {
        Text { autocomplete: Some(purpose), ..self }
    }

    pub fn rows(self, rows: u8) -> Self {
        Text { rows: Some(rows), ..self }
    }

    pub fn max(self, letters: u16) -> Self {
        Text { max: Some(letters), ..self }
    }

    /// For what machines read: fixed width, no spelling marks.
    pub fn code(self) -> Self {
        Text { code: true, ..self }
    }

    /// For a whole number: a phone shows its digits.
    pub fn digits(self) -> Self {
        Text { digits: true, ..self }
    }

    pub fn optional(self) -> Self {
        Text { required: false, ..self }
    }

    pub fn show(&self, filled: &Filled) -> Markup {
        let id = format!("f-{}", self.name);
        let error = filled.error(self.name);
        let value = filled.value(self.name).filter(|_| self.kind != "password");
        let described = described(self.name, self.hint.is_some(), error.is_some());
        let invalid = error.map(|_| "true");
        let code = self.code.then_some("code");
        let spell = self.code.then_some("false");
        html! {
            div.field {
                label for=(id) { (self.label) @if !self.required { span.optional { " (optional)" } } }
                @if let Some(hint) = self.hint { p.hint id={ (id) "-hint" } { (hint) } }
                @match self.rows {
                    Some(rows) => textarea #(id) class=[code] name=(self.name) rows=(rows) required[self.required]
                        spellcheck=[spell] autocapitalize=[self.code.then_some("none")] maxlength=[self.max]
                        aria-describedby=[described] aria-invalid=[invalid] { (value.unwrap_or_default()) },
                    None => input #(id) class=[code] type=(self.kind) name=(self.name) value=[value] required[self.required]
                        autocomplete=[self.autocomplete] spellcheck=[spell] autocapitalize=[self.code.then_some("none")]
                        inputmode=[self.digits.then_some("numeric")] maxlength=[self.max] aria-describedby=[described]
                        aria-invalid=[invalid];,
                }
                (error_line(&id, error))
            }
        }
    }
}

fn described(name: &str, hint: bool, error: bool) -> Option<String> {
    let hint = hint.then(|| format!("f-{name}-hint"));
    let error = error.then(|| format!("f-{name}-error"));
    match (error, hint) {
        (Some(error), Some(hint)) => Some(format!("{error} {hint}")),
        (one, other) => one.or(other),
    }
}

pub fn error_line(id: &str, error: Option<&str>) -> Markup {
    html! {
        @if let Some(error) = error {
            p.error id={ (id) "-error" } { (icon(Icon::Alert)) span { (error) } }
        }
    }
}

/// One of several cards to pick from.
pub struct Choice {
    pub value: String,
    pub title: String,
    pub text: Markup,
    /// What stands at the end of the title's line, as a price does.
    pub aside: Markup,
}

/// Radio buttons dressed as cards. Without a kept value the first is picked.
pub fn choices(name: &str, legend: &str, hint: Option<&str>, choices: &[Choice], filled: &Filled) -> Markup {
    grouped_choices(name, legend, hint, choices, &[], filled)
}

/// Choices that are not shown before somebody asks for them.
pub struct Group {
    pub title: String,
    pub hint: String,
    pub choices: Vec<Choice>,
}

/// The same with further groups that open on demand, and are open where the picked one is in them.
pub fn grouped_choices(
    name: &str,
    legend: &str,
    hint: Option<&str>,
    choices: &[Choice],
    more: &[Group],
    filled: &Filled,
) -> Markup {
    let error = filled.error(name);
    let picked = filled.value(name).or(choices.first().map(|choice| choice.value.as_str())).unwrap_or_default();
    let id = format!("f-{name}");
    let mut place = choices.len();
    let mut groups = Vec::new();
    for group in more {
        groups.push((group, place));
        place += group.choices.len();
    }
    html! {
        fieldset.choices #(id) aria-describedby=[described(name, hint.is_some(), error.is_some())] {
            legend { (legend) }
            @if let Some(hint) = hint { p.hint id={ (id) "-hint" } { (hint) } }
            (error_line(&id, error))
            (choice_row(name, choices, 0, picked))
            @for (group, from) in groups {
                details.more open[group.choices.iter().any(|choice| choice.value == picked)] {
                    summary { (group.title) span.hint { (group.hint) } }
                    (choice_row(name, &group.choices, from, picked))
                }
            }
        }
    }
}

fn choice_row(name: &str, choices: &[Choice], from: usize, picked: &str) -> Markup {
    html! {
        div.choice-row {
            @for (place, choice) in (from..).zip(choices) {
                label.choice for={ "f-" (name) "-" (place) } {
                    input id={ "f-" (name) "-" (place) } type="radio" name=(name) value=(choice.value)
                        checked[picked == choice.value];
                    span.choice-body {
                        span.choice-head { span.choice-title { (choice.title) } (choice.aside) }
                        span.choice-text { (choice.text) }
                    }
                }
            }
        }
    }
}

/// What a ticked box sends.
pub const TICKED: &str = "on";

/// A box to tick.
pub fn tick(name: &str, title: &str, text: Markup, filled: &Filled) -> Markup {
    tick_of(None, name, title, text, filled)
}

/// A box of the form with this id, wherever on the page it stands.
pub fn tick_of(form: Option<&str>, name: &str, title: &str, text: Markup, filled: &Filled) -> Markup {
    let id = format!("f-{name}");
    let error = filled.error(name);
    html! {
        div.field {
            label.tick for=(id) {
                input #(id) type="checkbox" form=[form] name=(name) value=(TICKED) checked[filled.value(name) == Some(TICKED)]
                    aria-describedby=[described(name, false, error.is_some())] aria-invalid=[error.map(|_| "true")];
                span { span.choice-title { (title) } span.hint { (text) } }
            }
            (error_line(&id, error))
        }
    }
}

/// Fields that are not shown before somebody asks for them; open where something is typed into one of them or is wrong.
pub fn more(title: &str, hint: &str, names: &[&str], filled: &Filled, body: Markup) -> Markup {
    let used = |name: &&str| filled.value(name).is_some_and(|value| !value.is_empty()) || filled.error(name).is_some();
    html! {
        details.more open[names.iter().any(used)] {
            summary { (title) span.hint { (hint) } }
            div.more-body { (body) }
        }
    }
}

/// A drop-down list of (value, text).
pub fn select(name: &str, label: &str, hint: Option<&str>, options: &[(String, String)], filled: &Filled) -> Markup {
    let id = format!("f-{name}");
    let error = filled.error(name);
    html! {
        div.field {
            label for=(id) { (label) }
            @if let Some(hint) = hint { p.hint id={ (id) "-hint" } { (hint) } }
            select #(id) name=(name) aria-describedby=[described(name, hint.is_some(), error.is_some())] {
                @for (value, text) in options {
                    option value=(value) selected[filled.value(name) == Some(value.as_str())] { (text) }
                }
            }
            (error_line(&id, error))
        }
    }
}

/// The button that does what the page is for.
pub fn submit(text: &str) -> Markup {
    html! { button.btn.large type="submit" { (text) } }
}

/// A form that only asks: what is typed goes into the address.
pub fn ask(action: &str, filled: &Filled, body: Markup) -> Markup {
    html! {
        form.sheet method="get" action=(action) novalidate { (summary(filled, &body)) (body) }
    }
}

/// A value that travels with the form and is not shown.
pub fn hidden(name: &str, value: &str) -> Markup {
    html! { input type="hidden" name=(name) value=(value); }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_stands_at_its_field_and_keeps_what_was_typed() {
        let filled = Filled::default().with("name", "Web 1").refused(&Error::invalid("name", "Small letters only."));
        let page = Text::new("name", "Name").hint("Short.").show(&filled).into_string();
        assert!(page.contains("value=\"Web 1\"") && page.contains("aria-invalid=\"true\""), "{page}");
        assert!(page.contains("aria-describedby=\"f-name-error f-name-hint\"") && page.contains("Small letters only."), "{page}");
    }

    #[test]
    fn an_error_without_a_field_on_the_form_is_said_in_full() {
        let filled = Filled::default().refused(&Error::invalid("region", "Nobody has room.")).wrong("name", "Too long.");
        let chrome = Chrome { brand: "Cooperage".into(), who: None, csrf: "x".into(), flash: None, path: "/order".into() };
        let page = sheet(&chrome, "/order", &filled, Text::new("name", "Name").show(&filled)).into_string();
        assert_eq!(page.matches("Nobody has room.").count(), 1, "{page}");
        assert_eq!(page.matches("Too long.").count(), 1, "{page}");
        assert!(page.contains("#f-name") && !page.contains("#f-region"), "{page}");
    }

    #[test]
    fn a_password_is_never_sent_back() {
        let filled = Filled::default().with("password", "hunter2");
        let page = Text::password("password", "Password", "new-password").show(&filled).into_string();
        assert!(!page.contains("hunter2"), "{page}");
    }
}
