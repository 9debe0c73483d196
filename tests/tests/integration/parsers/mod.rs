/*!
Every reader of bytes that somebody else wrote, fed with sound samples that were edited at random.

Somebody else's bytes may be anything, so two things are asked of each reader: that it answers at all (no panic, no
overflow of the stack, no minute of work), and that what it takes keeps the promise that the code behind it rests on.
What is written here is tested by its public functions alone; the reader of challenges of registries, and that of
`Location`, which have none, are tested beside their code.
*/

mod bundle;
mod clusters;
mod releases;

use proptest::prelude::*;

/// One edit: where, how many bytes are taken out there, and what is put in.
type Edit = (prop::sample::Index, usize, Vec<u8>);

/// A few edits. What is put in is noise, or a text that means something to one of the readers.
fn edits(words: &'static [&'static str]) -> impl Strategy<Value = Vec<Edit>> {
    let word = prop::sample::select(words).prop_map(|word| word.as_bytes().to_vec());
    let noise = prop::collection::vec(any::<u8>(), 0..20);
    let edit = (
        any::<prop::sample::Index>(),
        prop_oneof![3 => 0..4_usize, 1 => 0..200_usize],
        prop_oneof![2 => word, 1 => noise],
    );
    prop::collection::vec(edit, 1..5)
}

/// The sample with the edits made.
fn edited(sample: &[u8], edits: Vec<Edit>) -> Vec<u8> {
    let mut bytes = sample.to_vec();
    for (at, removed, put) in edits {
        let at = at.index(bytes.len() + 1);
        let end = (at + removed).min(bytes.len());
        bytes.splice(at..end, put);
    }
    bytes
}

/// A sample that is made once, or the test's failure.
fn ready<T>(made: &Result<T, String>) -> Result<&T, TestCaseError> {
    made.as_ref()
        .map_err(|error| TestCaseError::fail(error.clone()))
}

/// Words of JSON.
const JSON: &[&str] = &[
    "null",
    "true",
    "0",
    "-1",
    "1e999",
    "18446744073709551616",
    "\"\"",
    "\"\\u0000\"",
    "{}",
    "[]",
    "[",
    "{",
    "}",
    "]",
    ",",
    ":",
    "\\",
    "\"sha256:",
    "\"kind\":\"ImageStream\",",
    "[[[[[[[[[[[[[[[[",
];
