/*! Downloads from servers that send too much, or send elsewhere. */

use std::path::Path;

use fakes::{Reply, ScriptedServer};
use registry::web::{Limits, Web, WebError};

use super::{Outcome, asking::LONG, forge::Made};

#[tokio::test]
async fn downloads_stop_at_their_limit_and_carry_no_login() -> Outcome {
    let server = ScriptedServer::start(|asked, _| match asked.path() {
        "/moved" => Reply::status(302, &[("Location", "/file")], b""),
        "/login" => Reply::status(302, &[("Location", "http://me:secret@127.0.0.1/")], b""),
        "/file" => Reply::ok(b"1234"),
        _ => Reply::status(404, &[], b""),
    })?;
    let web = Web::new(None)?;
    let get = async |path: &str, bytes| {
        let limits = Limits {
            bytes,
            idle: LONG,
            whole: LONG,
        };
        web.get(&format!("{}{path}", server.url()).parse()?, &limits)
            .await
            .map_err(Into::into)
    };
    let found: Made<_> = get("/moved", 4).await;
    assert_eq!(found?, Some(b"1234".to_vec()));
    let missing: Made<_> = get("/none", 4).await;
    assert_eq!(missing?, None);
    let refused = async |path: &str, bytes| -> Option<String> {
        let found: Made<_> = get(path, bytes).await;
        found.err().map(|error| error.to_string())
    };
    assert_eq!(
        refused("/file", 3).await,
        Some(WebError::TooLarge(3).to_string())
    );
    let login = refused("/login", 4).await.unwrap_or_default();
    assert!(
        login.contains("redirected to an address with a password"),
        "{login}"
    );
    let absent = Web::new(Some(Path::new("/absent.pem")))
        .err()
        .map(|error| error.to_string());
    assert!(absent.is_some_and(|reason| reason.contains("/absent.pem")));
    Ok(())
}
