//! What a client makes of what it is told.

use proptest::prelude::*;

use super::*;

#[test]
fn what_was_final_stays_final() {
    let head = |number, byte| Head { number, hash: [byte; 32] };
    let mut last = None;
    assert_eq!(onwards(&mut last, head(7, 1)).unwrap(), head(7, 1));
    assert_eq!(onwards(&mut last, head(9, 3)).unwrap(), head(9, 3));
    assert_eq!(onwards(&mut last, head(8, 2)).unwrap(), head(9, 3), "nothing goes back");
    assert!(matches!(onwards(&mut last, head(9, 4)), Err(Error::Unavailable(_))));
    assert_eq!(onwards(&mut last, head(10, 5)).unwrap(), head(10, 5));
}

#[test]
fn a_list_of_keys_that_goes_in_circles_is_refused() {
    let keys = |list: &[&str]| list.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
    let last = "0xab2".to_owned();
    assert!(goes_on(&[], Some(&last), "0xab") && goes_on(&keys(&["0xab1", "0xab2"]), None, "0xab"));
    assert!(goes_on(&keys(&["0xab3"]), Some(&last), "0xab"));
    for bad in [&["0xab2"][..], &["0xab1"], &["0xab4", "0xab3"], &["0xab3", "0xab3"], &["0xac0"]] {
        assert!(!goes_on(&keys(bad), Some(&last), "0xab"), "{bad:?}");
    }
}

proptest! {
    #[test]
    fn whatever_keys_come_each_page_is_further_on(
        // Short and few, so that some of them are in order.
        pages in proptest::collection::vec(proptest::collection::vec("[a-c]{0,3}", 0..4), 0..4),
    ) {
        let mut after = None;
        for page in pages {
            if !goes_on(&page, after.as_ref(), "") {
                break;
            }
            let last = page.last().cloned();
            prop_assert!(last.is_none() || last > after);
            after = last.or(after);
        }
    }
}
