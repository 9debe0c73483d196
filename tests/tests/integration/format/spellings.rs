/*! Every other spelling of one index: the same to a lenient reader, and refused by a strict one. */

use anyhow::{Result, ensure};
use schema::bundle::FORMAT;

use super::golden_index;

/// Every other spelling of the golden index.
pub(super) fn spellings() -> Result<Vec<(&'static str, String)>> {
    let text = String::from_utf8(golden_index()?.0.to_bytes()?)?;
    let once = |from: &str, to: &str| -> Result<String> {
        ensure!(text.contains(from), "the golden index has no {from:?}");
        Ok(text.replacen(from, to, 1))
    };
    Ok(vec![
        ("a space", once("{\"path\"", "{ \"path\"")?),
        ("a line less", once(",\n", ",")?),
        ("no line feed at the end", text.trim_end().to_owned()),
        ("one more at the end", format!("{text}\n")),
        ("something behind it", format!("{text}{{}}")),
        ("a byte order mark", format!("\u{feff}{text}")),
        ("an escape", once("shop/app", "shop\\/app")?),
        (
            "a unicode escape",
            once("shop/app:v1", "\\u0073hop/app:v1")?,
        ),
        (
            "another order",
            once("\"size\":7,\"digest\"", "\"digest\"")?.replacen("},\n", ",\"size\":7},\n", 2),
        ),
        ("a key twice", once("\"size\":7", "\"size\":7,\"size\":7")?),
        (
            "the format twice",
            once(
                "\"created\"",
                &format!("\"format\":\"{FORMAT}\",\n\"created\""),
            )?,
        ),
        (
            "an unknown field",
            once("\"creator\"", "\"comment\":\"\",\n\"creator\"")?,
        ),
        (
            "an unknown field of a file",
            once("\"size\":7", "\"mode\":511,\"size\":7")?,
        ),
        (
            "null for what is absent",
            once("\"size\":7", "\"hardlink\":null,\"size\":7")?,
        ),
        ("a float", once("\"size\":7", "\"size\":7.0")?),
        ("a size in words", once("\"size\":7", "\"size\":\"7\"")?),
        (
            "a missing field",
            once("\"creator\":\"the golden test\",\n", "")?,
        ),
        (
            "an absolute path",
            once("\"config/one.yaml\"", "\"/config/one.yaml\"")?,
        ),
        (
            "a path out",
            once("\"config/one.yaml\"", "\"config/../one.yaml\"")?,
        ),
        (
            "a path of its own",
            once("\"config/one.yaml\"", "\"etc/one.yaml\"")?,
        ),
        (
            "a path with a control character",
            once("\"config/one.yaml\"", "\"config/one\\n.yaml\"")?,
        ),
        (
            "an upper-case digest",
            once("\"digest\":\"sha256:", "\"digest\":\"SHA256:")?,
        ),
        (
            "sha512",
            once("\"digest\":\"sha256:", "\"digest\":\"sha512:")?,
        ),
        (
            "an upper-case repository",
            once("\"repository\":\"shop/app\"", "\"repository\":\"Shop/app\"")?,
        ),
        ("nothing", String::new()),
        ("a list", "[]\n".to_owned()),
    ])
}
