/*!
What people audit is what `kubectl` applies.

Thousands of documents, made by hand and by a generator with a fixed seed, go through the reader of both programs and, as many as it
takes, through one process of the real `kubectl`: what is read must be equal in every value, in number and in order. What
the reader refuses needs no comparison, so it must also take what people really write.
*/

mod by_hand;
mod generated;
mod scalars;

use std::{collections::BTreeSet, fs, process::Command};

use anyhow::{Context, Result, bail, ensure};

use serde_json::{Value, json};
use tests::{needs, real, shared};

/// A file, and whether it is one that people write and that must be taken.
struct Sample {
    text: String,
    ordinary: bool,
}

impl Sample {
    fn ordinary(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ordinary: true,
        }
    }

    fn odd(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ordinary: false,
        }
    }
}

/// More with `READERS_SAMPLES=100000`, from other seeds with `READERS_SEED=2`.
fn samples() -> Result<Vec<Sample>> {
    let number = |name: &str, default: u64| match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name}={text}")),
        Err(_) => Ok(default),
    };
    let mut samples = by_hand::samples();
    match shared::path("cases/yaml") {
        Ok(directory) => {
            for file in shared::list(&directory)? {
                samples.push(Sample::odd(fs::read_to_string(file)?));
            }
        }
        Err(absent) => real::skip(&absent)?,
    }
    let count = usize::try_from(number("READERS_SAMPLES", 8_000)?)?;
    samples.extend(generated::samples(number("READERS_SEED", 1)?, count));
    Ok(samples)
}

#[test]
fn every_document_is_read_as_kubectl_reads_it_or_refused() -> Result<()> {
    let kubectl = needs!("kubectl");
    let directory = tempfile::tempdir()?;
    let samples = samples()?;
    let mut expected = Vec::new();
    let mut taken = 0;
    for (number, sample) in samples.iter().enumerate() {
        let read = match manifests::read(sample.text.as_bytes()) {
            Ok(read) => read,
            Err(error) if sample.ordinary => {
                bail!("an ordinary manifest is refused: {error}\n{}", sample.text)
            }
            Err(_) => continue,
        };
        // What holds nothing is read as nothing by both.
        taken += usize::from(!read.is_empty());
        let json = sample.text.trim_start().starts_with('{');
        let extension = if json { "json" } else { "yaml" };
        fs::write(
            directory.path().join(format!("{number:06}.{extension}")),
            &sample.text,
        )?;
        expected.extend(
            read.into_iter()
                .map(|object| (number, labelled(object.value))),
        );
    }
    let output = Command::new(&kubectl)
        .args([
            "label",
            "--local",
            "--overwrite",
            "-o",
            "json",
            "readers=agree",
            "-f",
        ])
        .arg(directory.path())
        .env("HOME", directory.path())
        .env_remove("KUBECONFIG")
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let refused: BTreeSet<usize> = said
        .split(|c: char| !c.is_ascii_digit())
        .filter(|number| number.len() == 6)
        .filter_map(|number| number.parse().ok())
        .collect();
    if let Some(sample) = refused.first().and_then(|&number| samples.get(number)) {
        bail!(
            "kubectl refuses {} files that are read, first {:?}\n{said:.2000}",
            refused.len(),
            sample.text
        );
    }
    let found = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
    let mut found = found.enumerate();
    for (number, value) in &expected {
        let text = &samples.get(*number).context("a sample")?.text;
        let (_, theirs) = found
            .next()
            .with_context(|| format!("kubectl ends before {text:?}\n{said:.2000}"))?;
        let theirs = theirs?;
        ensure!(
            same(value, &theirs),
            "{text:?}\nis read as {value}\nand by kubectl as {theirs}"
        );
    }
    if let Some((_, more)) = found.next() {
        bail!("kubectl finds one object more, {}", more?);
    }
    ensure!(output.status.success(), "{said:.2000}");
    // Neither all nor nothing: the comparison means something.
    ensure!(samples.len() >= 5_000, "{} samples", samples.len());
    ensure!(
        taken >= 3_000,
        "only {taken} of {} were compared",
        samples.len()
    );
    ensure!(
        samples.len() - taken >= 1_000,
        "only {} were refused",
        samples.len() - taken
    );
    Ok(())
}

/// The object as `kubectl label` leaves it.
fn labelled(mut value: Value) -> Value {
    if let Some(metadata) = value["metadata"].as_object_mut() {
        let labels = metadata.entry("labels").or_insert_with(|| json!({}));
        if labels.is_null() {
            *labels = json!({});
        }
        labels["readers"] = "agree".into();
    }
    value
}

/// Equal; floats as near as the test's own reader of JSON can tell.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(ours), Value::Number(theirs)) if ours != theirs => {
            let (Some(ours), Some(theirs)) = (ours.as_f64(), theirs.as_f64()) else {
                return false;
            };
            let whole = ours.fract() == 0.0 && ours.abs() < 9e18;
            !whole && (ours - theirs).abs() <= 4.0 * f64::EPSILON * ours.abs()
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len()
                && ours
                    .iter()
                    .zip(theirs)
                    .all(|(ours, theirs)| same(ours, theirs))
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.len() == theirs.len()
                && ours
                    .iter()
                    .all(|(key, ours)| theirs.get(key).is_some_and(|theirs| same(ours, theirs)))
        }
        _ => ours == theirs,
    }
}
