//! Scalars, keys, tags and merges on which readers disagree.

use super::*;

fn value(text: &str) -> String {
    message(&format!("{ONE}f: {text}\n"))
}

#[test]
fn scalars_with_two_meanings_are_refused_with_what_to_write() {
    for (text, expected) in [
        ("yes", "write true or \"yes\""),
        ("yEs", "write true or \"yEs\""),
        ("tRUE", "write true or \"tRUE\""),
        ("n", "write false or \"n\""),
        ("Off", "write false or \"Off\""),
        ("nULL", "write null or \"nULL\""),
        ("1_", "write 1 or \"1_\""),
        ("1__0", "write 10 or \"1__0\""),
        ("1_000.5", "write 1000.5 or"),
        (".5_0", "write .50 or"),
        ("0x_1", "write 0x1 or"),
        ("+12", "write 12 or \"+12\""),
        ("-0644", "without the leading zero"),
        ("0899", "without the leading zero"),
        ("00", "without the leading zero"),
        ("0777777", "without the leading zero"),
        ("01.5", "without the leading zero"),
        ("0b101", "write 5 or"),
        ("-0x1F", "write -31 or"),
        ("0X1F", "write 31 or"),
        ("-0", "write 0 or"),
        ("-0.0", "negative zero"),
        ("9223372036854775808", "beyond what readers can hold"),
        ("0xFFFFFFFFFFFFFFFFF", "beyond what readers can hold"),
        ("1e400", "beyond what readers can hold"),
        ("1e-400", "beyond what readers can hold"),
        (".inf", "no finite number"),
        ("-.INF", "no finite number"),
        (".NaN", "no finite number"),
        ("<<", "put \"<<\" in quotes"),
        ("!foo 1", "the tag !foo"),
        ("! 1", "the tag !"),
        ("!!str 1", "the tag !!str"),
        ("!!int \"1\"", "the tag !!int"),
        ("!!binary aGk=", "the tag !!binary"),
        ("!<tag:yaml.org,2002:str> a", "the tag"),
        ("!!map {a: b}", "the tag !!map"),
        ("!!seq [a]", "the tag !!seq"),
        ("[a?b]", "put it in quotes"),
        ("[a: b]", "put {} around it"),
        ("{a:b}", "has no value here"),
        ("{a, b: c}", "has no value here"),
        ("\"\\/\"", "write / alone"),
    ] {
        let found = value(text);
        assert!(found.contains("(line 4, column "), "{text}: {found}");
        assert!(found.contains(expected), "{text}: {found}");
        assert!(!found.contains('\n'), "{text}: {found}");
    }
}

#[test]
fn texts_that_only_look_like_numbers_are_texts() {
    for text in [
        "1_a",
        "0b2",
        "0o9",
        "0xg",
        "1.2.3",
        "1:30",
        "12e",
        "--1",
        "1-2",
        "e5",
        "nan",
        "Infinity",
        "yesterday",
        "0.5.5",
        "~a",
        "2001-01-01",
    ] {
        let read = read(format!("{ONE}f: {text}\n").as_bytes());
        let found = read.map(|objects| objects[0].value["f"].clone());
        assert_eq!(found, Ok(json!(text)));
    }
}

#[test]
fn keys_are_the_same_text_for_everybody_or_refused() {
    for key in [
        "y", "on", "null", "~", "1.5", "1.20", "0644", "0x10", "1e3", "true", "!!str a", "&a b",
        "? [a]\n",
    ] {
        let text = format!("{ONE}f: {{a: b}}\n{key}: c\n");
        assert!(
            message(&text).contains("(line 5, column "),
            "{key}: {}",
            message(&text)
        );
    }
    assert!(message(&format!("{ONE}1.20: a\n")).contains("put it in quotes: \"1.20\""));
    assert!(
        message(&format!("{ONE}f: {{a: b, a: c}}\n"))
            .contains("(line 4, column 11): duplicate key \"a\"")
    );
    assert!(message(&format!("{ONE}f: {{1: b, '1': c}}\n")).contains("duplicate key \"1\""));
}

/// Go merges where the key stands, so that later keys win over earlier ones and the order of lines decides.
#[test]
fn merges_are_read_only_where_their_order_cannot_matter() -> Outcome {
    for text in [
        "<<: {kind: Secret}\n",
        "f: {a: c, <<: {a: b}}\n",
        "f: {<<: [{a: b}, {a: c}]}\n",
        "f: {!!merge <<: {a: b}}\n",
        "f: {<<: {a: b}, <<: {c: d}}\n",
        "f: {\"<<\": {a: b}}\n",
        "f: {<<: b}\n",
    ] {
        assert!(
            message(&format!("{ONE}{text}")).contains("(line 4, column "),
            "{text}"
        );
    }
    let inside = "apiVersion: v1\nkind: A\nmetadata:\n  <<: {name: a}\n  namespace: b\n";
    assert!(message(inside).contains("(line 4, column 3): what '<<' merges"));
    let first = read(format!("{ONE}f: {{<<: {{a: b, c: d}}, a: own}}\n").as_bytes())?;
    assert_eq!(first[0].value["f"], json!({"a": "own", "c": "d"}));
    Ok(())
}

#[test]
fn numbers_in_json_follow_the_same_rules() {
    for (number, expected) in [
        ("18446744073709551615", "beyond what readers can hold"),
        ("99999999999999999999999", "beyond what readers can hold"),
        ("-0", "write 0"),
        ("-0.0", "negative zero"),
        ("1e400", "number out of range"),
        ("1e-400", "beyond what readers can hold"),
    ] {
        let text =
            format!(r#"{{"apiVersion":"v1","kind":"A","metadata":{{"name":"a"}},"f":{number}}}"#);
        assert!(
            message(&text).contains(expected),
            "{number}: {}",
            message(&text)
        );
    }
}
