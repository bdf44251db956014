//! A field of a form that is posted: its label and its hint, what was typed into it, and what is wrong with that.

use maud::{Markup, html};

use crate::http::console::form::{Fields, Wrong};

/// Everything that was typed into the forms of a page, and why some of it cannot be taken.
#[derive(Clone, Copy)]
pub(super) struct Typed<'a> {
    pub(super) fields: &'a Fields,
    pub(super) wrong: &'a [Wrong],
}

/// The fields of a form that nobody filled in yet.
static EMPTY: Fields = Fields::none();

impl<'a> Typed<'a> {
    /// Nothing.
    pub(super) const NOTHING: Typed<'static> = Typed { fields: &EMPTY, wrong: &[] };

    /// Whether the value of this field cannot be taken.
    pub(super) fn is_wrong(self, name: &str) -> bool {
        self.why(name).is_some()
    }

    fn why(self, name: &str) -> Option<&'a str> {
        self.wrong.iter().find(|(of, _)| of == name).map(|(_, why)| why.as_str())
    }

    /// The fault of a field, for the place right before it.
    pub(super) fn told(self, name: &str) -> Markup {
        html! { @if let Some(why) = self.why(name) { p.wrong id={ (name) "-wrong" } { "It " (why) } } }
    }

    /// The value of `aria-invalid`, if a field cannot be taken.
    pub(super) fn invalid(self, name: &str) -> Option<&'static str> {
        self.why(name).map(|_| "true")
    }

    /// The ids of what describes a field: these and, if it cannot be taken, the reason.
    pub(super) fn described(self, name: &str, by: &[&str]) -> Option<String> {
        let wrong = self.why(name).map(|_| format!("{name}-wrong"));
        let all: Vec<String> = by.iter().map(|id| (*id).to_owned()).chain(wrong).collect();
        (!all.is_empty()).then(|| all.join(" "))
    }
}

/// See the module. Its name is its id, too.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    name: &'a str,
    label: &'a str,
    hint: &'a str,
    kind: &'static str,
    keyboard: Option<&'static str>,
    required: bool,
    most: Option<usize>,
}

impl<'a> Field<'a> {
    /// One for words.
    pub(super) fn text(name: &'a str, label: &'a str) -> Self {
        Self { name, label, hint: "", kind: "text", keyboard: None, required: false, most: None }
    }

    /// One for a whole number.
    pub(super) fn number(name: &'a str, label: &'a str) -> Self {
        Self { keyboard: Some("numeric"), ..Self::text(name, label) }
    }

    /// One for a time.
    pub(super) fn time(name: &'a str, label: &'a str) -> Self {
        Self { kind: "datetime-local", ..Self::text(name, label) }
    }

    /// Its name.
    pub(super) fn name(&self) -> &'a str {
        self.name
    }

    /// The same with a hint.
    pub(super) fn hint(self, hint: &'a str) -> Self {
        Self { hint, ..self }
    }

    /// The same, which has to be filled in.
    pub(super) fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// The same, which takes so many characters.
    pub(super) fn most(self, most: usize) -> Self {
        Self { most: Some(most), ..self }
    }

    /// The field with its label, as it was typed.
    pub(super) fn shown(self, typed: Typed<'_>) -> Markup {
        let hint = format!("{}-hint", self.name);
        let by = if self.hint.is_empty() { Vec::new() } else { vec![hint.as_str()] };
        html! {
            label for=(self.name) { (self.label) }
            @if !self.hint.is_empty() { p.hint id=(hint) { (self.hint) } }
            (typed.told(self.name))
            input id=(self.name) name=(self.name) type=(self.kind) value=(typed.fields.get(self.name)) required[self.required]
                inputmode=[self.keyboard] maxlength=[self.most] autocomplete="off" spellcheck="false"
                aria-invalid=[typed.invalid(self.name)] aria-describedby=[typed.described(self.name, &by)];
        }
    }
}
