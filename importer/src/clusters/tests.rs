/*! Lists of clusters as people write them, and ids put into them with nothing else changed. */

use std::collections::BTreeMap;

use cluster::ClusterId;
use proptest::prelude::*;
use serde_json::Value;

use super::edit::{Edited, with_ids};

type Tested = Result<(), Box<dyn std::error::Error>>;

const A: &str = "6a8c5c4e-0000-4000-8000-00000000000a";
const B: &str = "6a8c5c4e-0000-4000-8000-00000000000b";

fn ids(ids: &[(&str, &str)]) -> BTreeMap<String, ClusterId> {
    let ids = ids.iter();
    ids.filter_map(|(name, id)| Some(((*name).to_owned(), ClusterId::new(id)?)))
        .collect()
}

fn edited(text: &str) -> Result<Edited, serde_saphyr::Error> {
    with_ids(text, &ids(&[("a", A), ("b", B)]))
}

#[test]
fn an_id_is_one_line_or_one_item_more_and_all_else_stays() -> Tested {
    // What is written, and with which text before ID it goes where `^` stands.
    let table = [
        ("clusters:\n- name: a^\n", "\n  clusterID: "),
        (
            "clusters:\n  - name: a  # the first^\n    context: x\n",
            "\n    clusterID: ",
        ),
        (
            "clusters:\n- context: x\n  name: a^\n  labels: {b: c}\n",
            "\n  clusterID: ",
        ),
        ("clusters:\n- name: a^", "\n  clusterID: "),
        (
            "clusters:\r\n- name: a^\r\n- name: c\r\n",
            "\r\n  clusterID: ",
        ),
        ("clusters:\n- \"name\": 'a'^\n", "\n  clusterID: "),
        (
            "clusters:\n-   name: \"a\" # \"x\"^\n\n# end\n",
            "\n    clusterID: ",
        ),
        ("clusters:\n-\n  name: a^\n", "\n  clusterID: "),
        ("clusters: [{name: a^}]\n", ", clusterID: "),
        (
            "clusters:\n- {name: a^, labels: {x: y}} # one\n- {name: c}\n",
            ", clusterID: ",
        ),
        ("clusters:\n- { context: x, name: 'a'^ }\n", ", clusterID: "),
        (
            "{clusters: [{name: c}, {name: \"a\"^}], kubeconfig: k}\n",
            ", clusterID: ",
        ),
        (
            "# é ü\nclusters:\n- {context: 'é ☃', name: a^}\n",
            ", clusterID: ",
        ),
        ("---\nclusters:\n- name: a^\n...\n", "\n  clusterID: "),
    ];
    for (marked, before) in table {
        let text = marked.replace('^', "");
        let expected = marked.replace('^', &format!("{before}{A}"));
        let edited = edited(&text)?;
        assert_eq!(edited.text, expected, "{text}");
        assert_eq!(
            (edited.written, edited.left),
            (vec!["a".to_owned()], Vec::new()),
            "{text}"
        );
    }
    Ok(())
}

#[test]
fn what_is_written_in_an_unusual_way_gets_its_id_or_stays_untouched() -> Tested {
    let texts = [
        "clusters:\n- name: |-\n    a\n  context: x\n",
        "clusters:\n- name: >-\n    a\n",
        "clusters:\n- name:\n    a\n  context: x\n",
        "clusters:\n- ? name\n  : a\n",
        "clusters:\n- name: &n a\n  context: *n\n",
        "clusters:\n- &first\n  name: a\n- name: c\n",
        "clusters:\n- &first {name: a}\n",
        "clusters:\n- !!map\n  name: !!str a\n",
        "x: &x a\nclusters:\n- name: *x\n  context: y\n",
        "clusters:\n- {\n    name: a, # first\n    context: x\n  }\n",
        "clusters:\n- {\"name\":\"a\"}\n",
        "clusters:\n-\tname: a\n",
        "clusters:\n- name: a\n  clusterID:\n",
        "\u{feff}clusters:\n- name: a\n",
        "clusters: &all\n- &one {name: a, labels: &l {x: y}}\n- {name: c, labels: *l}\nwaves: []\n",
        "base: &base {context: x}\nclusters:\n- <<: *base\n  name: a\n",
    ];
    for text in texts {
        let before: Value = match serde_saphyr::from_str(text) {
            Ok(before) => before,
            // Not even the list can be read.
            Err(_) => continue,
        };
        let edited = edited(text)?;
        let mut after: Value = serde_saphyr::from_str(&edited.text)?;
        match edited.left.is_empty() {
            true => {
                let id = after["clusters"][0]
                    .as_object_mut()
                    .and_then(|one| one.remove("clusterID"));
                assert_eq!(id, Some(Value::from(A)), "{text}");
                let mut before = before;
                let one = before["clusters"][0].as_object_mut();
                one.and_then(|one| one.remove("clusterID"));
                assert_eq!(after, before, "{text}");
                assert_eq!(
                    edited.text.len() - text.len(),
                    added(&edited.text, text),
                    "{text}"
                );
            }
            false => assert_eq!(
                (edited.text.as_str(), edited.left),
                (text, vec!["a".to_owned()])
            ),
        }
    }
    Ok(())
}

/// The length of the one piece by which a text is longer than another; 0 if it is not one piece.
fn added(longer: &str, shorter: &str) -> usize {
    let same = |(a, b): &(u8, u8)| a == b;
    let head = longer.bytes().zip(shorter.bytes()).take_while(same).count();
    let tail = longer
        .bytes()
        .rev()
        .zip(shorter.bytes().rev())
        .take_while(same)
        .count();
    match head + tail >= shorter.len() {
        true => longer.len() - shorter.len(),
        false => 0,
    }
}

#[test]
fn an_entry_that_another_is_merged_from_gives_it_no_id_of_its_own() -> Tested {
    let text = "clusters:\n- &a\n  name: a\n- <<: *a\n  name: c\n";
    let after = edited(text)?.text;
    let listed: Value = serde_saphyr::from_str(&after)?;
    assert_ne!(
        listed["clusters"][1]["clusterID"],
        Value::from(A),
        "{after}"
    );
    Ok(())
}

#[test]
fn an_id_that_is_there_stays_and_a_second_run_changes_nothing() -> Tested {
    let text = "clusters:\n- name: a\n  clusterID: other\n- name: b\n";
    let once = edited(text)?;
    assert_eq!(once.text, format!("{text}  clusterID: {B}\n"));
    let twice = edited(&once.text)?;
    assert_eq!((twice.text, twice.written), (once.text, Vec::new()));
    Ok(())
}

proptest! {
    /// Whatever an id or a name is, the list says it and nothing else besides.
    #[test]
    fn ids_and_names_of_any_kind_survive(id in "\\PC{1,12}", name in "[a-z0-9 #:'{}é-]{1,8}", flow: bool, windows: bool) {
        prop_assume!(ClusterId::new(&id).is_some());
        let quoted = Value::from(name.as_str());
        let text = match flow {
            true => format!("clusters:\n- {{name: {quoted}, context: x}} # {name}\n- name: last\n"),
            false => format!("clusters:\n# {name}\n- context: x\n  name: {quoted}\n- name: last\n"),
        };
        let text = if windows { text.replace('\n', "\r\n") } else { text };
        let edited = with_ids(&text, &ids(&[(&name, &id)]));
        let edited = edited.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert!(edited.left.is_empty(), "{}", edited.text);
        let said: Value = serde_saphyr::from_str(&edited.text).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&said["clusters"][0]["clusterID"], &Value::from(id.trim()));
        prop_assert_eq!(added(&edited.text, &text), edited.text.len() - text.len());
    }
}
