//! The requests in recipients' words.

use messaging::domain::keyword::{Keywords, Verdict};

#[test]
fn a_keyword_counts_as_the_whole_text_or_as_its_first_sentence() {
    let keywords = Keywords::with(&["no more".to_owned(), "ΤΕΛΟΣ".to_owned()]);
    for (text, verdict) in [
        ("STOP", Verdict::Stop),
        ("stop", Verdict::Stop),
        (" Stop!! ", Verdict::Stop),
        ("\"Stop\"", Verdict::Stop),
        ("Stop. Thank you", Verdict::Stop),
        ("STOP!please", Verdict::Stop),
        ("Stop\nSent from my phone", Verdict::Stop),
        ("stopall", Verdict::Stop),
        ("Unsubscribe", Verdict::Stop),
        ("cancel.", Verdict::Stop),
        ("End", Verdict::Stop),
        ("quit", Verdict::Stop),
        ("ΣΤΟΠ", Verdict::Stop),
        ("στοπ", Verdict::Stop),
        ("Στόπ.", Verdict::Stop),
        ("No more!", Verdict::Stop),
        ("REVOKE", Verdict::Stop),
        ("revoke. Thanks", Verdict::Stop),
        ("OPT OUT", Verdict::Stop),
        ("Opt-out", Verdict::Stop),
        ("optout!", Verdict::Stop),
        ("opt  out", Verdict::Stop),
        ("τέλος", Verdict::Stop),
        ("start", Verdict::Start),
        ("Start. Please", Verdict::Start),
        ("stop by tomorrow?", Verdict::PerhapsStop),
        ("please stop", Verdict::PerhapsStop),
        ("Stop, it is enough", Verdict::PerhapsStop),
        ("cancel my order", Verdict::PerhapsStop),
        ("no, no more", Verdict::PerhapsStop),
        ("how do I opt out", Verdict::PerhapsStop),
        ("revoke my order", Verdict::PerhapsStop),
        ("opt for out", Verdict::Other),
        ("opt", Verdict::Other),
        ("stopping by", Verdict::Other),
        ("start the car", Verdict::Other),
        ("Thanks", Verdict::Other),
        ("", Verdict::Other),
        ("👍", Verdict::Other),
        ("...", Verdict::Other),
    ] {
        assert_eq!(keywords.verdict(text), verdict, "{text:?}");
    }
}
