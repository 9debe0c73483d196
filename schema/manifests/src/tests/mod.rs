use serde_json::json;

use super::*;

mod lists;
mod scalars;
mod written;

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// What every reader takes alike.
const COMPARISON: &str = r#"apiVersion: v1
kind: Comparison
metadata:
  name: comparison
defaults: &d
  merged: from-anchor
  kept: from-anchor
scalars:
  octal: 0644
  octal12: 0o644
  hex: 0x1F
  not_binary: 0b2
  exponent: 1e3
  half: 1.5e3
  float: 1.50
  dot: .5
  huge: 1e23
  smallest: -9223372036854775808
  date: 2001-12-14
  time: 2001-12-14t21:59:43.10-05:00
  sexagesimal: 12:30:45
  port: 8080:80
  version: 1.2.3
  quoted_on: "on"
  quoted_octal: '0644'
  tilde: ~
  nothing:
  folded: >
    a
    b
  literal: |
    a
     b
keys:
  1: one
  "on": yes, no
merge:
  <<: *d
  kept: own
alias: *d
"#;

/// What `kubectl patch --local -o json` (v1.32.4) makes of it.
fn comparison_by_kubectl() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Comparison", "metadata": {"name": "comparison"},
        "defaults": {"merged": "from-anchor", "kept": "from-anchor"},
        "scalars": {
            "octal": 420, "octal12": 420, "hex": 31, "not_binary": "0b2", "exponent": 1000, "half": 1500, "float": 1.5,
            "dot": 0.5, "huge": 1e23, "smallest": i64::MIN, "date": "2001-12-14", "time": "2001-12-14t21:59:43.10-05:00",
            "sexagesimal": "12:30:45", "port": "8080:80", "version": "1.2.3", "quoted_on": "on", "quoted_octal": "0644",
            "tilde": null, "nothing": null, "folded": "a b\n", "literal": "a\n b\n"
        },
        "keys": {"1": "one", "on": "yes, no"},
        "merge": {"merged": "from-anchor", "kept": "own"},
        "alias": {"merged": "from-anchor", "kept": "from-anchor"}
    })
}

#[test]
fn values_are_those_of_kubectl() -> Outcome {
    let objects = read(COMPARISON.as_bytes())?;
    let values: Vec<_> = objects.into_iter().map(|object| object.value).collect();
    assert_eq!(values, [comparison_by_kubectl()]);
    Ok(())
}

fn names(text: &str) -> Result<Vec<(u32, String, String)>, ObjectsError> {
    let objects = read(text.as_bytes())?;
    Ok(objects
        .into_iter()
        .map(|object| (object.document, object.kind, object.name))
        .collect())
}

fn message(text: &str) -> String {
    names(text).map_or_else(
        |error| error.to_string(),
        |found| format!("read: {found:?}"),
    )
}

const ONE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\n";

#[test]
fn documents_are_counted_by_their_markers_and_empty_ones_skipped() -> Outcome {
    let entry = |document, name: &str| (document, "ConfigMap".to_owned(), name.to_owned());
    assert_eq!(names("")?, []);
    assert_eq!(names("# nothing\n---\n---\n")?, []);
    assert_eq!(names(ONE)?, [entry(0, "one")]);
    assert_eq!(names(&format!("# licence\n---\n{ONE}"))?, [entry(0, "one")]);
    let two = ONE.replace("one", "two");
    let windows = format!("\u{feff}{ONE}---\n# empty\n---  \n{two}...\n").replace('\n', "\r\n");
    assert_eq!(names(&windows)?, [entry(0, "one"), entry(2, "two")]);
    Ok(())
}

#[test]
fn json_is_read_as_a_stream_of_objects() -> Outcome {
    let one = r#"{"apiVersion":"v1","kind":"A","metadata":{"name":"one","namespace":"n"},"f":1.0}"#;
    let objects = read(format!("\n{one}\n{}", one.replace("one", "two")).as_bytes())?;
    let seen: Vec<_> = objects
        .iter()
        .map(|o| (o.document, o.name.as_str(), o.namespace.as_deref()))
        .collect();
    assert_eq!(seen, [(0, "one", Some("n")), (1, "two", Some("n"))]);
    assert_eq!(objects[0].value["f"], json!(1));
    assert!(message(r#"{"a": 1, "a": 2}"#).contains(r#"the key "a" is there twice"#));
    assert_eq!(
        message("{\"a\": }"),
        "document 1 (line 1, column 7): not JSON, though the file begins with '{': expected value"
    );
    Ok(())
}

#[test]
fn lists_are_taken_apart() -> Outcome {
    let item = "{apiVersion: v1, kind: A, metadata: {name: a}}";
    let text = format!("---\n{ONE}---\napiVersion: v1\nkind: List\nitems: [{item}, {item}]\n");
    let found: Vec<_> = names(&text)?
        .into_iter()
        .map(|(document, kind, _)| (document, kind))
        .collect();
    assert_eq!(
        found,
        [(0, "ConfigMap".into()), (1, "A".into()), (1, "A".into())]
    );
    let typed = read(b"apiVersion: v1\nkind: ConfigMapList\nitems: [{metadata: {name: a}}]\n")?;
    assert_eq!(
        typed[0].value,
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}})
    );
    // A kind may end in List and be none.
    let custom = "apiVersion: a.b/v1\nkind: AllowList\nmetadata: {name: m}\n";
    assert_eq!(names(custom)?, [(0, "AllowList".into(), "m".into())]);
    Ok(())
}

#[test]
fn what_no_cluster_takes_is_refused_with_its_place() {
    for (text, expected) in [
        (
            "kind: A\nmetadata: {name: a}",
            "document 1 (line 1, column 1): has no apiVersion",
        ),
        ("apiVersion: v1\nmetadata: {name: a}", "has no kind"),
        ("apiVersion: v1\nkind: A", "A has no metadata.name"),
        (
            "apiVersion: v1\nkind: A\nmetadata: {name: ''}",
            "A has no metadata.name",
        ),
        (
            "apiVersion: v1\nkind: A\nmetadata: {name: 12}",
            "metadata.name is a number, expected a string; put it in",
        ),
        (
            "apiVersion: v1\nkind: A\nmetadata: {name: y}",
            "y is true for some readers and a text for others; write true or \"y\"",
        ),
        (
            "apiVersion: v1\nkind: A\nmetadata: {generateName: a-}",
            "each import would create another one",
        ),
        (
            "apiVersion: v1\nkind: A\nmetadata: a",
            "metadata is a string, expected a mapping",
        ),
        ("- a", "found a list"),
        ("just words", "found a string"),
        ("apiVersion: v1\nkind: List\nitems: [3]", "found a number"),
    ] {
        assert!(
            message(text).contains(expected),
            "{text:?}: {}",
            message(text)
        );
    }
    let late = message(&format!("{ONE}---\n{ONE}spec:\n  a: 1\n  a: 2\n"));
    assert!(
        late.starts_with("document 2 (line 10, column 3): duplicate"),
        "{late}"
    );
}

#[test]
fn bombs_are_refused_before_they_grow() {
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let item = format!("*a{}, ", level - 1).repeat(9);
        laughs += &format!("a{level}: &a{level} [{item}]\n");
    }
    let wide = format!(
        "big: &b {}\nuse: [{}]\n",
        "x".repeat(1 << 20),
        "*b, ".repeat(90)
    );
    let deep = format!("a: {}", "[".repeat(100_000));
    let deep_json = format!(r#"{{"a":{}"#, "[".repeat(100_000));
    for bomb in [laughs, wide, deep, deep_json] {
        assert!(
            matches!(read(bomb.as_bytes()), Err(ObjectsError::Malformed { .. })),
            "{:.40}",
            bomb
        );
    }
}

#[test]
fn a_file_with_many_objects_is_no_bomb() -> Outcome {
    let text = format!("---\n{ONE}data: {{a: b}}\n").repeat(2_000);
    assert_eq!(names(&text)?.len(), 2_000);
    let mut crd = String::from(ONE);
    for level in 0..90 {
        crd += &format!("{}p:\n", " ".repeat(level));
    }
    assert_eq!(names(&crd)?.len(), 1);
    Ok(())
}

proptest::proptest! {
    #[test]
    fn no_input_makes_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = read(&bytes);
    }

    #[test]
    fn json_written_by_serde_comes_back(name in "[a-z]{1,9}", number in proptest::num::i64::ANY, text in "[ -~\u{e9}-\u{24f}\n]*", yes: bool) {
        let value = json!({"apiVersion": "v1", "kind": "A", "metadata": {"name": name}, "d": [number, text, yes, null]});
        let read = read(value.to_string().as_bytes()).map(|objects| objects.into_iter().map(|o| o.value).collect());
        proptest::prop_assert_eq!(read, Ok(vec![value]));
    }
}

/// Threads have 2 MiB unless somebody asks for more; an overflow ends the test run.
#[test]
fn the_deepest_documents_need_half_a_thread_s_stack() -> Outcome {
    let read = || {
        let head = "apiVersion: v1\nkind: X\nmetadata: {name: a}\nspec:";
        let json = r#"{"apiVersion":"v1","kind":"X","metadata":{"name":"a"},"spec":"#;
        let mut taken = 0;
        for levels in [97, 98, 99, 100, 120, 1000, 20_000] {
            let (maps, lists) = ("{a: ".repeat(levels), "[".repeat(levels));
            let (map_ends, list_ends) = ("}".repeat(levels), "]".repeat(levels));
            let keys = (1..=levels.min(1000)).map(|n| format!("{}a:\n", " ".repeat(n)));
            let items = r#"{"kind":"List","apiVersion":"v1","items":["#.repeat(levels);
            for text in [
                format!("{head} {maps}1{map_ends}\n"),
                format!("{head} {lists}1{list_ends}\n"),
                format!("{head}\n{}", keys.collect::<String>()),
                format!("{head}\n  {}1\n", "- ".repeat(levels)),
                format!("{head}\n  {}1\n", "? ".repeat(levels)),
                format!("{json}{}1{map_ends}}}", maps.replace("a:", "\"a\":")),
                format!("{json}{lists}1{list_ends}}}"),
                format!("{items}1{}", "]}".repeat(levels)),
            ] {
                taken += usize::from(super::read(text.as_bytes()).is_ok());
            }
        }
        taken
    };
    let thread = std::thread::Builder::new().stack_size(1 << 20);
    let taken = thread
        .spawn(read)?
        .join()
        .map_err(|_| "the reader panicked")?;
    assert!(taken >= 12, "{taken} were deep and taken");
    Ok(())
}
