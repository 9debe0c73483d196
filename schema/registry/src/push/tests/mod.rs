/*! Blobs to servers that cut, refuse and miscount, and from sources that fail. */

mod forms;
mod lost_answers;
mod refusals;
mod resume;

use fakes::{Reply, ScriptedServer, scripted::ReceivedRequest};

pub(super) const PLACE: (&str, &str) = ("Location", "/up");

pub(super) fn length(asked: &ReceivedRequest) -> usize {
    let told = asked.header("content-length");
    told.and_then(|text| text.parse().ok()).unwrap_or(0)
}

pub(super) fn verbs(server: &ScriptedServer) -> String {
    let asked = server.requests();
    asked
        .iter()
        .map(ReceivedRequest::method)
        .collect::<Vec<_>>()
        .join(" ")
}

/// The parts that were sent, as `Content-Range` says them.
pub(super) fn ranges(server: &ScriptedServer) -> Vec<String> {
    let asked = server.requests().into_iter();
    asked
        .filter_map(|asked| asked.header("content-range").map(str::to_owned))
        .collect()
}

/// What arrived in the last upload, whatever the form: an upload that is begun again starts at nothing.
pub(super) fn arrived(server: &ScriptedServer) -> Vec<u8> {
    let mut bytes = Vec::new();
    for asked in server.requests() {
        match asked.method() {
            "POST" => bytes.clear(),
            "PUT" | "PATCH" => bytes.extend(asked.body),
            _ => {}
        }
    }
    bytes
}

/// A registry that takes every upload, with 404 for what is asked of it.
pub(super) fn takes(asked: &ReceivedRequest) -> Reply {
    match asked.method() {
        "POST" | "PATCH" => Reply::status(202, &[PLACE], b""),
        "PUT" => Reply::status(201, &[], b""),
        _ => Reply::status(404, &[], b""),
    }
}
