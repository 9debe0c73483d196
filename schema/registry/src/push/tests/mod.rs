/*! Blobs to servers that cut, refuse and miscount, and from sources that fail. */

mod forms;
mod lost_answers;
mod refusals;
mod resume;

use crate::scripted::{Asked, Say, Scripted, say};

pub(super) const PLACE: (&str, &str) = ("Location", "/up");

pub(super) fn verb(asked: &Asked) -> &str {
    asked.line.split(' ').next().unwrap_or_default()
}

pub(super) fn length(asked: &Asked) -> usize {
    let told = asked.header("content-length");
    told.and_then(|text| text.parse().ok()).unwrap_or(0)
}

pub(super) fn verbs(server: &Scripted) -> String {
    let asked = server.asked();
    asked.iter().map(verb).collect::<Vec<_>>().join(" ")
}

/// What arrived in the last upload, whatever the form: an upload that is begun again starts at nothing.
pub(super) fn arrived(server: &Scripted) -> Vec<u8> {
    let mut bytes = Vec::new();
    for asked in server.asked() {
        match verb(&asked) {
            "POST" => bytes.clear(),
            "PUT" | "PATCH" => bytes.extend(asked.body),
            _ => {}
        }
    }
    bytes
}

/// A registry that takes every upload, with 404 for what is asked of it.
pub(super) fn takes(asked: &Asked) -> Say {
    match verb(asked) {
        "POST" | "PATCH" => say(202, &[PLACE], b""),
        "PUT" => say(201, &[], b""),
        _ => say(404, &[], b""),
    }
}
