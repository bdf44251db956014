//! The names that an owner may use: what is added is there, what is stored reads back.

use messaging::domain::allowed::Allowed;

#[test]
fn what_is_stored_reads_back() {
    let mut names = Allowed::none();
    assert!(names.add("YourBank") && names.add("+306900000001"));
    for names in [Allowed::Any, Allowed::none(), names] {
        assert_eq!(Allowed::from_stored(names.stored().as_deref()), names);
    }
}

#[test]
fn a_name_is_compared_as_it_is() {
    let mut names = Allowed::none();
    assert!(names.add("YourBank"));
    assert!(names.has("YourBank") && !names.has("YOURBANK") && !names.has("Your") && !names.has(""));
}

#[test]
fn every_name_is_allowed_until_that_is_taken_back() {
    let mut names = Allowed::none();
    assert!(names.add(Allowed::ANY) && names.has("anything"));
    assert!(!names.remove("anything"), "one name cannot be taken from every name");
    assert!(names.remove(Allowed::ANY) && !names.has("anything"));
    assert!(!names.remove("anything"));
}

#[test]
fn a_list_is_bounded() {
    let mut names = Allowed::none();
    assert!((0..Allowed::MOST).all(|n| names.add(&format!("name{n}"))));
    assert!(!names.add("one more") && names.add("name0"));
}
