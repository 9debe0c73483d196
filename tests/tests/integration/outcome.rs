/*! What is asked of a run when it is over: the one sentence of a failure, the memory it took, the bytes it fetched. */

use anyhow::{Context, Result, ensure};
use fakes::FakeRegistry;
use tests::process::Output;

/// A failure, reported in one sentence that holds each of these words, with nothing on stdout that looks like a result.
#[track_caller]
pub fn fails_with(output: &Output, code: i32, words: &[&str]) {
    let errors: Vec<&str> = output
        .stderr
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect();
    assert_eq!(
        (output.code, output.signal),
        (Some(code), None),
        "{}",
        output.stderr
    );
    assert_eq!(errors.len(), 1, "one sentence expected:\n{}", output.stderr);
    assert!(
        output.stderr.trim_end().ends_with(errors[0]),
        "the sentence stands last:\n{}",
        output.stderr
    );
    for word in words {
        assert!(
            errors[0].contains(word),
            "{word:?} is missing in: {}",
            errors[0]
        );
    }
    for clutter in ["panicked", "reqwest", "hyper", "Os {"] {
        assert!(!output.stderr.contains(clutter), "{}", output.stderr);
    }
}

/// The peak of a run, held against a limit in MiB.
pub fn within(output: &Output, mebibytes: u64) -> Result<()> {
    ensure!(
        output.peak_rss <= mebibytes << 20,
        "{} MiB at the peak, allowed are {mebibytes}",
        output.peak_rss >> 20
    );
    Ok(())
}

/// Bytes of blobs that a registry gave since its `from`th request.
pub fn blob_bytes(registry: &FakeRegistry, from: usize) -> u64 {
    let requests = registry.requests();
    let blobs = requests.iter().skip(from);
    blobs
        .filter(|request| request.method == "GET" && request.path.contains("/blobs/"))
        .map(|request| request.sent)
        .sum()
}

/// The one JSON value on stdout.
pub fn json(output: &Output) -> Result<serde_json::Value> {
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("stdout is not JSON: {}", output.text()))
}

/// Each of these words is there.
#[track_caller]
pub fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text:?}");
    }
}
