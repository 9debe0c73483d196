//! Whatever has `items` is a list for `kubectl`, whatever its kind.

use super::*;

/// One harmless ConfigMap that `kubectl` turns into a binding to cluster-admin.
#[test]
fn items_make_no_object_appear_that_is_not_listed() {
    let item = "{apiVersion: v1, kind: Secret, metadata: {name: s}}";
    for (head, items, expected) in [
        (
            "kind: ConfigMap",
            format!("[{item}]"),
            "(line 5, column 1): kubectl takes whatever has items for a list",
        ),
        (
            "kind: ConfigMap",
            "null".to_owned(),
            "kubectl takes whatever has items",
        ),
        (
            "kind: Menu",
            "[soup]".to_owned(),
            "kubectl takes whatever has items",
        ),
        (
            "kind: list",
            format!("[{item}]"),
            "kubectl takes whatever has items",
        ),
        (
            "kind: ConfigMap",
            String::new(),
            "kubectl takes whatever has items",
        ),
        ("kind: List", "[]".to_owned(), "a list without items"),
        ("kind: List", "null".to_owned(), "a list without items"),
        (
            "kind: List",
            "{}".to_owned(),
            "items are a mapping, expected a list",
        ),
        (
            "kind: List",
            "text".to_owned(),
            "items are a string, expected a list",
        ),
        ("kind: List", "[null]".to_owned(), "found nothing"),
        (
            "kind: List",
            format!("[{{apiVersion: v1, kind: List, items: [{item}]}}]"),
            "a list inside of a list",
        ),
        (
            "kind: List",
            "[{kind: A, metadata: {name: a}}]".to_owned(),
            "has no apiVersion",
        ),
        (
            "kind: AList",
            "[{kind: A, metadata: {name: a}}]".to_owned(),
            "has no apiVersion",
        ),
        (
            "kind: List\ndata: {a: b}",
            format!("[{item}]"),
            "kubectl drops \"data\" beside the items",
        ),
    ] {
        let text = format!("apiVersion: v1\n{head}\nmetadata:\n  name: a\nitems: {items}\n");
        assert!(
            message(&text).contains(expected),
            "{text}: {}",
            message(&text)
        );
    }
    let other = format!("apiVersion: apps/v1\nkind: List\nitems: [{item}]\n");
    assert!(message(&other).contains("write `apiVersion: v1` and `kind: List`"));
}

#[test]
fn keys_that_differ_from_known_ones_by_case_are_refused() {
    for (key, known) in [
        ("Kind: Secret", "kind"),
        ("ITEMS: []", "items"),
        ("item\u{17f}: []", "items"),
        ("apiversion: v2", "apiVersion"),
        ("Metadata: {name: b}", "metadata"),
        ("Data: {a: c}", "data"),
    ] {
        let text = format!("{ONE}{key}\n");
        let expected = format!("write {known}");
        assert!(
            message(&text).contains("(line 4, column 1)"),
            "{}",
            message(&text)
        );
        assert!(message(&text).ends_with(&expected), "{}", message(&text));
        let (key, value) = key.split_once(": ").unwrap_or_default();
        let json = format!(
            r#"{{"apiVersion":"v1","kind":"A","metadata":{{"name":"a"}},"{key}":"{value}"}}"#
        );
        assert!(message(&json).ends_with(&expected), "{}", message(&json));
    }
    let inside = "apiVersion: v1\nkind: A\nmetadata:\n  name: a\n  NameSpace: b\n";
    assert!(message(inside).contains("(line 5, column 3): the key \"NameSpace\" is \"namespace\""));
    // Elsewhere keys are the object's own business.
    assert!(names(&format!("{ONE}data: {{Kind: a, kind: b}}\n")).is_ok());
}
