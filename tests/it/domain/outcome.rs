//! What is quoted of the provider.

use messaging::domain::outcome::{Outcome, Quote, Reason};

fn quoted(description: &str, words: &[&str]) -> String {
    let reason = Reason { code: "PROVIDER_REJECTED", description: Quote(description.to_owned()) };
    let Outcome::Rejected(reason) = Outcome::Rejected(reason).without(words) else { panic!("another outcome") };
    reason.description.0
}

#[test]
fn a_number_and_a_text_are_taken_out_wherever_they_stand_and_short_words_as_words_alone() {
    let number = "306912345678";
    assert_eq!(quoted("to=00306912345678, refused", &[number]), "to=00…, refused");
    assert_eq!(quoted("said: Your code is 1234.", &["Your code is 1234"]), "said: ….");
    assert_eq!(quoted("One or more validation errors. 't' t", &["t"]), "One or more validation errors. '…' …");
    assert_eq!(quoted("tt t", &["t"]), "tt …");
}
