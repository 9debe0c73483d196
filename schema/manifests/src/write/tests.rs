use std::error::Error;

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(text: &str) -> Result<Vec<Value>, crate::ObjectsError> {
    let objects = crate::read(text.as_bytes())?.into_iter();
    Ok(objects.map(|object| object.value).collect())
}

#[test]
fn it_looks_as_people_write_it() {
    let object = json!({
        "kind": "ConfigMap", "apiVersion": "v1",
        "metadata": {"name": "web", "labels": {}, "annotations": {"a.b/c": "on"}},
        "data": {
            "0644": "0644", "run.sh": "#!/bin/sh\n\nexec web\n", "end": "a\nb", "yes": "no",
            "odd": " a\nb", "bell": "\u{7}\u{202e}\u{1f600}", "url": "https://web:80/x y",
            "image": "10.0.0.1:5000/a", "net": "10.0.0.0/8", "half": "1/2", "address": "10.0.0.1:5000",
        },
        "spec": [1, 1.5, 1e30, -2.5e-9, [true, null], {"a": 1, "b": []}, "text\nof\ntwo"],
    });
    let expected = r##"apiVersion: v1
data:
  "0644": "0644"
  address: "10.0.0.1:5000"
  bell: "\u0007\u202e😀"
  end: |-
    a
    b
  half: 1/2
  image: 10.0.0.1:5000/a
  net: 10.0.0.0/8
  odd: " a\nb"
  run.sh: |
    #!/bin/sh

    exec web
  url: https://web:80/x y
  "yes": "no"
kind: ConfigMap
metadata:
  annotations:
    a.b/c: "on"
  labels: {}
  name: web
spec:
- 1
- 1.5
- 1.0e+30
- -2.5e-9
- - true
  - null
- a: 1
  b: []
- |-
  text
  of
  two
"##;
    assert_eq!(document(&object), expected);
}

#[test]
fn what_readers_of_yaml_1_1_take_for_something_else_is_quoted() -> Result<(), Box<dyn Error>> {
    for trap in [
        "",
        " ",
        "~",
        "null",
        "Null",
        "true",
        "True",
        "yes",
        "YES",
        "no",
        "on",
        "Off",
        "y",
        "N",
        "0644",
        "0o17",
        "0x1F",
        "0b1",
        "1_000",
        "1e3",
        "1:30",
        "190:20:30",
        ".inf",
        "-.INF",
        ".nan",
        "NaN",
        "+1",
        "-",
        "-1",
        "- a",
        "? a",
        "a: b",
        "a:",
        ":a",
        "#a",
        "a #b",
        "&a",
        "*a",
        "!a",
        "!!str",
        "|",
        ">",
        "%a",
        "@a",
        "`a",
        "{a}",
        "[a]",
        "a, b",
        "'a'",
        "\"a\"",
        "<<",
        "=",
        "---",
        "...",
        "2001-01-01",
        "2001-12-14t21:59:43.10-05:00",
        "a\u{85}b",
        "\u{feff}a",
        "a\u{2028}b",
        "a\r\nb\r\n",
        "\ta\nb",
        "a\n\tb",
        "a\n\n",
        "\na",
        "a\n b\n",
        "a \nb",
        "x\n---\ny\n",
        "x\n...\n",
        "a\\nb",
        "é",
        "\u{10ffff}",
        "\u{7f}",
        "0o7",
        "0/7",
        "2001-01-01/",
        "1:30/",
        "12:30",
        "1E3",
        ".5",
        "a ",
        "a\nb ",
        "\ta\nb\n",
        "\n",
        "\u{202e}a\nb",
        &"long ".repeat(200),
        &format!("{}\nb\n", "long line".repeat(100)),
    ] {
        let object = json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "x"}, "data": {"k": trap, "l": [trap]}, "empty": [[], {}, [[]], [{}]]});
        let text = document(&object);
        assert_eq!(read(&text)?, [object], "{trap:?}: {text}");
    }
    Ok(())
}

/// Values that a reader of Kubernetes documents can give: integers of 64 bits, other numbers finite.
fn value() -> impl Strategy<Value = Value> {
    const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
    let fraction = proptest::num::f64::NORMAL.prop_filter("would be an integer", |number| {
        number.fract() != 0.0 || number.abs() > TWO_TO_63
    });
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        fraction.prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(text(), inner, 0..4)
                .prop_map(|fields| fields.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[-a-z0-9 \n\t:#'\"{}\\[\\]&*!|>%@`~.,_+=?]{0,12}",
        "[onyesftrualNULL0-9._~]{1,5}"
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_the_same(fields in proptest::collection::vec(value(), 1..3)) {
        let object = |field| json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "on"}, "field": field});
        let objects: Vec<Value> = fields.into_iter().map(object).collect();
        let text = documents(&objects);
        prop_assert_eq!(read(&text).map_err(|error| error.to_string()), Ok(objects), "{}", text);
    }
}
