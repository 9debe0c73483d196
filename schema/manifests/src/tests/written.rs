//! The text itself: line ends, separators, encodings.

use super::*;

#[test]
fn lines_that_end_for_some_readers_only_are_refused() {
    for (text, expected) in [
        (
            format!("{ONE}#\u{2028}kind: Secret\n"),
            "(line 4, column 2): the character U+2028 ends a line for some readers",
        ),
        (format!("{ONE}#\u{2029}kind: Secret\n"), "U+2029"),
        (
            format!("{ONE}#\u{85}kind: Secret\n"),
            "write it as \"\\u0085\" in double quotes",
        ),
        (
            format!("{ONE}data:\n  a: |\n    x\u{2028}kind: Secret\n"),
            "(line 6, column 6)",
        ),
        (
            ONE.replace('\n', "\r"),
            "(line 1, column 15): a carriage return",
        ),
        (format!("{ONE}#\r\r\n"), "a carriage return"),
        (format!("{ONE}#\u{feff}\n"), "a byte order mark inside"),
        (format!("\u{feff}\u{feff}{ONE}"), "a byte order mark inside"),
        (format!("{ONE}f: \0\n"), "U+0000"),
        (format!("{ONE}f: \u{7f}\n"), "U+007F"),
        (format!("{ONE}f: \u{9b}\n"), "U+009B"),
        (
            format!("---\n{ONE}---\n# \u{b}\n"),
            "document 2 (line 6, column 3): the control character U+000B",
        ),
    ] {
        assert!(
            message(&text).contains(expected),
            "{text:?}: {}",
            message(&text)
        );
    }
    let json =
        "{\"apiVersion\":\"v1\",\"kind\":\"A\",\"metadata\":{\"name\":\"a\"},\"f\":\"\u{2028}\"}";
    assert!(message(json).contains("U+2028"));
}

#[test]
fn what_is_not_utf_8_is_named() {
    let found =
        |bytes: &[u8]| read(bytes).map_or_else(|error| error.to_string(), |_| String::new());
    assert_eq!(
        found(b"a: b\nc: \xff"),
        "line 2, column 4: the text is not UTF-8; save the file as UTF-8"
    );
    let utf16: Vec<u8> = ONE.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(
        found(&utf16).contains("not UTF-8 but UTF-16"),
        "{}",
        found(&utf16)
    );
    let marked: Vec<u8> = [0xfe, 0xff]
        .into_iter()
        .chain(ONE.encode_utf16().flat_map(u16::to_be_bytes))
        .collect();
    assert!(found(&marked).contains("not UTF-8 but UTF-16"));
    assert!(matches!(
        read(&vec![b'#'; FILE_LIMIT as usize + 1]),
        Err(ObjectsError::TooLarge(_))
    ));
}

#[test]
fn documents_are_cut_only_where_every_reader_cuts() {
    for (text, expected) in [
        (
            format!("{ONE}...\n{ONE}"),
            "begin the next document with '---'",
        ),
        (
            format!("{ONE}--- # other\n{ONE}"),
            "(line 4, column 1): text on the '---' line",
        ),
        (format!("{ONE}--- !!map\n{ONE}"), "text on the '---' line"),
        (format!("{ONE}--- {{a: b}}\n"), "text on the '---' line"),
        (format!("{ONE}---\t\n{ONE}"), "text on the '---' line"),
        (format!("{ONE}---\u{a0}\n{ONE}"), "text on the '---' line"),
        (format!("{ONE}---a: b\n"), "text on the '---' line"),
        (
            format!("{ONE}f: \"\n---\n\"\n"),
            "document 1 (line 4, column ",
        ),
        (format!("{ONE}... a\n"), "text on the '...' line"),
        ("...\n".to_owned(), "ends a document that never began"),
        (
            format!("%YAML 1.2\n---\n{ONE}"),
            "(line 1, column 1): a line that begins with '%'",
        ),
        (
            format!("{ONE}...\n%TAG ! tag:a,2000:\n---\n{ONE}"),
            "(line 5, column 1): a line that begins with '%'",
        ),
        (format!("--- |\n{ONE}"), "text on the '---' line"),
        (format!("{ONE}f:\n\t- a\n"), "(line 5, column "),
        (format!("{ONE}data: [\n"), "(line "),
        (format!("{ONE}f: *nobody\n"), "(line 4, column 4)"),
        (format!("{ONE}f: &a [*a]\n"), "(line 4, column "),
        ("null\n".to_owned(), "found nothing"),
        ("\t\n".to_owned(), "(line 1, column "),
        (format!("{ONE}---\n\t# c\n"), "document 2 (line "),
    ] {
        assert!(
            message(&text).contains(expected),
            "{text:?}: {}",
            message(&text)
        );
        assert!(!message(&text).contains('\n'), "{text:?}");
    }
}

#[test]
fn separators_inside_of_a_text_are_text() -> Outcome {
    let text = format!("{ONE}data:\n  a: |\n    x\n    ---\n    ...\n    %a\n---\n# end\n");
    let objects = read(text.as_bytes())?;
    assert_eq!(objects[0].value["data"]["a"], json!("x\n---\n...\n%a\n"));
    assert_eq!(objects.len(), 1);
    Ok(())
}

#[test]
fn a_helm_template_is_called_one() {
    let condition = "{{- if .Values.enabled }}\napiVersion: v1\n{{- end }}\n";
    let named = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: \"{{ .Release.Name }}-a\"\n";
    let bare = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ include \"a.name\" . }}\n";
    let image =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  image: \"{{ .Values.image }}\"\n";
    for (text, line) in [(condition, 1), (named, 4), (bare, 4), (image, 5)] {
        let found = message(text);
        assert!(found.contains("this is a Helm template"), "{text}: {found}");
        assert!(
            found.contains(&format!("(line {line}, ")),
            "{text}: {found}"
        );
    }
    // Braces of others: alerts, dashboards, workflows.
    let alert =
        format!("{ONE}data:\n  a: 'on {{{{ $labels.instance }}}}'\n  b: \"{{{{ .Values.x }}}}\"\n");
    assert!(names(&alert).is_ok(), "{}", message(&alert));
    let broken = format!("{ONE}data: {{a: {{{{inputs.a}}}}}}\n");
    assert!(!message(&broken).contains("Helm"), "{}", message(&broken));
}

#[test]
fn json_is_sniffed_as_kubectl_sniffs_it() {
    let one = r#"{"apiVersion":"v1","kind":"A","metadata":{"name":"a"}}"#;
    assert!(names(&format!("{}{one}", "\n".repeat(4095))).is_ok());
    assert!(
        message(&format!("{}{one}", "\n".repeat(4096)))
            .contains("no longer takes the file for JSON")
    );
    assert!(message(&format!("{one}\n---\n{one}")).contains("not JSON"));
    assert!(message("{apiVersion: v1}").contains("not JSON"));
    assert!(names(&format!("# not first\n{one}")).is_ok());
    assert!(message("[]").contains("found a list"));
}
