/*! Uploads whose last answer comes late or never. */

use std::sync::atomic::{AtomicUsize, Ordering};

use fakes::{Reply, ScriptedServer, scripted::head};

use super::{PLACE, arrived, takes, verbs};
use crate::testing::{Outcome, content, remote};

#[tokio::test]
async fn a_lost_answer_is_no_reason_to_send_the_bytes_again() -> Outcome {
    let (bytes, blob) = content(1000);
    // What the last PUT gets, and how many questions later the blob is there.
    let table: [(&str, Reply, usize); 6] = [
        ("504", Reply::status(504, &[], b""), 5),
        ("502", Reply::status(502, &[], b""), 4),
        ("524", Reply::status(524, &[], b""), 4),
        ("cut", Reply::Cut(Vec::new()), 0),
        ("202", Reply::status(202, &[], b""), 4),
        ("204", Reply::status(204, &[], b""), 0),
    ];
    for (what, said, questions) in table {
        let asked_for = AtomicUsize::new(0);
        let server = ScriptedServer::start(move |asked, _| match asked.method() {
            "PUT" => said.clone(),
            "HEAD" if asked_for.fetch_add(1, Ordering::Relaxed) >= questions => {
                Reply::Raw(head(200, &[], 1000))
            }
            _ => takes(asked),
        })?;
        remote(&server)?.push_blob(&blob, &bytes, None).await?;
        assert_eq!(server.lines("PUT").len(), 1, "{what}: {}", verbs(&server));
        assert_eq!(server.lines("HEAD").len(), questions + 1, "{what}");
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_that_never_comes_is_not_waited_for_once_the_blob_is_there() -> Outcome {
    let (bytes, blob) = content(1000);
    let asked_for = AtomicUsize::new(0);
    let server = ScriptedServer::start(move |asked, _| match asked.method() {
        "PUT" => Reply::Silence,
        "HEAD" if asked_for.fetch_add(1, Ordering::Relaxed) >= 2 => {
            Reply::Raw(head(200, &[], 1000))
        }
        _ => takes(asked),
    })?;
    remote(&server)?.push_blob(&blob, &bytes, None).await?;
    assert_eq!(verbs(&server), "POST PUT HEAD HEAD HEAD");
    Ok(())
}

#[tokio::test]
async fn an_upload_whose_last_answer_was_lost_and_that_is_still_whole_is_only_finished_again()
-> Outcome {
    let (bytes, blob) = content(1000);
    let puts = AtomicUsize::new(0);
    let server = ScriptedServer::start(move |asked, _| match asked.method() {
        "PUT" if puts.fetch_add(1, Ordering::Relaxed) == 0 => Reply::status(502, &[], b""),
        "GET" => Reply::status(204, &[PLACE, ("Range", "0-999")], b""),
        _ => takes(asked),
    })?;
    remote(&server)?.push_blob(&blob, &bytes, None).await?;
    assert_eq!(arrived(&server), bytes, "sent once");
    assert_eq!(server.lines("POST").len(), 1);
    Ok(())
}
