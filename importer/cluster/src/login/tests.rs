/*! Kubeconfigs and credential plugins: which context counts, what is said of what is wrong, and what is never said. */

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use crate::{Cluster, connect, testing::cluster};

type Tested = Result<(), Box<dyn std::error::Error>>;

const SOON: Duration = Duration::from_secs(5);

/// A kubeconfig with one context `NAME`, its cluster and its user.
fn kubeconfig(name: &str, server: &str, user: &str) -> String {
    format!(
        "
apiVersion: v1
kind: Config
current-context: {name}
clusters: [{{name: {name}, cluster: {{server: '{server}'}}}}]
users: [{{name: {name}, user: {user}}}]
contexts: [{{name: {name}, context: {{cluster: {name}, user: {name}, namespace: ''}}}}]
"
    )
}

fn at(files: &[&Path], context: &str) -> Cluster {
    Cluster {
        kubeconfig: files.iter().map(|file| file.to_path_buf()).collect(),
        context: context.to_owned(),
        ..cluster()
    }
}

async fn refusal(cluster: &Cluster, request_timeout: Duration) -> String {
    let connected = connect(cluster, request_timeout).await;
    connected.map_or_else(|error| error.to_string(), |_| "connected".to_owned())
}

#[tokio::test]
async fn only_the_named_context_counts_and_the_first_file_wins() -> Tested {
    let directory = tempfile::tempdir()?;
    let [first, second, missing] = ["a", "b", "c"].map(|name| directory.path().join(name));
    fs::write(
        &first,
        kubeconfig("east", "http://user:secret@east.example", "{token: t}"),
    )?;
    let both = kubeconfig("east", "https://other.example", "{}")
        + "---"
        + &kubeconfig("west", "http://west.example:8080", "{}");
    fs::write(&second, both)?;
    let files = [first.as_path(), &missing, &second];
    let east = connect(&at(&files, "east"), SOON).await?;
    assert_eq!(east.server, "http://east.example:80");
    assert_eq!(east.client.default_namespace(), "default");
    assert_eq!(
        connect(&at(&files, "west"), SOON).await?.server,
        "http://west.example:8080"
    );
    let said = refusal(&at(&files, "north"), SOON).await;
    assert!(
        said.ends_with("no context \"north\"; there are: east, west"),
        "{said}"
    );
    Ok(())
}

#[tokio::test]
async fn a_changed_file_is_read_again() -> Tested {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("kubeconfig");
    fs::write(&file, kubeconfig("east", "http://east.example", "{}"))?;
    connect(&at(&[&file], "east"), SOON).await?;
    fs::write(&file, kubeconfig("east", "http://moved.example", "{}"))?;
    assert_eq!(
        connect(&at(&[&file], "east"), SOON).await?.server,
        "http://moved.example:80"
    );
    Ok(())
}

#[tokio::test]
async fn each_fault_of_a_kubeconfig_has_its_sentence() -> Tested {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("kubeconfig");
    let cases = [
        (
            "token: [secret",
            "not a kubeconfig: wrong at line 1, column ",
        ),
        (
            &kubeconfig("east", "not an address", "{}"),
            "its server is no address; expected https://HOST:PORT",
        ),
        (
            &kubeconfig("east", "http://a", "{tokenFile: nowhere}"),
            "nowhere cannot be read: No such file",
        ),
        (
            &kubeconfig(
                "east",
                "http://a",
                "{client-certificate-data: '%', client-key-data: secret}",
            ),
            "client-certificate is not base64",
        ),
        (
            "{clusters: [], users: [], contexts: []}",
            "no context \"east\"; there are no contexts in it",
        ),
        (
            "contexts: [{name: east, context: {cluster: gone, user: gone}}]",
            "names the cluster \"gone\", which is not there",
        ),
    ];
    for (text, expected) in cases {
        fs::write(&file, text)?;
        let said = refusal(&at(&[&file], "east"), SOON).await;
        assert!(said.contains(expected), "{text}: {said}");
        assert!(!said.contains("secret"), "{said}");
    }
    fs::remove_file(&file)?;
    let said = refusal(&at(&[&file], "east"), SOON).await;
    assert!(
        said.contains("kubeconfig: cannot be read: No such file"),
        "{said}"
    );
    Ok(())
}

/// A kubeconfig whose user has a plugin beside it.
fn with_plugin(directory: &Path, script: &str, mode: &str) -> Result<Cluster, std::io::Error> {
    let plugin = directory.join("plugin");
    fs::write(&plugin, format!("#!/bin/sh\n{script}\n"))?;
    fs::set_permissions(&plugin, fs::Permissions::from_mode(0o755))?;
    let exec = format!(
        "{{exec: {{apiVersion: client.authentication.k8s.io/v1, command: ./plugin, interactiveMode: {mode}}}}}"
    );
    let file = directory.join("kubeconfig");
    fs::write(&file, kubeconfig("east", "http://east.example", &exec))?;
    Ok(at(&[&file], "east"))
}

#[tokio::test]
async fn a_plugin_runs_once_and_is_told_that_nobody_is_there() -> Tested {
    let directory = tempfile::tempdir()?;
    let runs = directory.path().join("runs");
    let script = format!(
        r#"echo "$KUBERNETES_EXEC_INFO" >> {}; echo '{{"status": {{"token": "t"}}}}'"#,
        runs.display()
    );
    let cluster = with_plugin(directory.path(), &script, "IfAvailable")?;
    connect(&cluster, SOON).await?.at_rest()?;
    let info: serde_json::Value = serde_json::from_str(&fs::read_to_string(&runs)?)?;
    assert_eq!(info.pointer("/spec/interactive"), Some(&false.into()));
    Ok(())
}

#[tokio::test]
async fn what_a_plugin_says_is_shown_without_its_secrets() -> Tested {
    let directory = tempfile::tempdir()?;
    let cases = [
        (
            "printf 'no session; run\\n\\033[31msso login' >&2; exit 1",
            "it said: no session; run \\u{1b}[31msso login",
        ),
        (
            r#"echo '{"status": {"token": "opaque"'; echo "debug: opaque; disk full" >&2; exit 1"#,
            "it said: debug: [hidden]; disk full",
        ),
        (
            "echo open https://idp.example in a browser >&2; exec sleep 30",
            "it said: open https://idp.example in a browser",
        ),
        (
            "yes word | head -c 100000 >&2; echo 'the reason' >&2; exit 1",
            "word word the reason",
        ),
    ];
    for (script, expected) in cases {
        let cluster = with_plugin(directory.path(), script, "Never")?;
        let said = refusal(&cluster, Duration::from_millis(1500)).await;
        assert!(said.contains(expected), "{said}");
        assert!(!said.contains("opaque") && said.len() < 800, "{said}");
    }
    Ok(())
}

#[tokio::test]
async fn a_plugin_that_gives_nothing_is_named_but_never_quoted() -> Tested {
    let directory = tempfile::tempdir()?;
    let hasty = Duration::from_millis(300);
    let cases = [
        (
            "echo secret; echo secret >&2; exit 3",
            "IfAvailable",
            "plugin failed (exit status: 3)",
        ),
        (
            "echo '{\"status\": {\"other\": \"secret\"}}'",
            "Never",
            "printed no usable ExecCredential",
        ),
        (
            "exec sleep 30",
            "Never",
            "did not finish within 0 s; it may be waiting for input",
        ),
        ("true", "Always", "wants somebody at the keyboard"),
    ];
    for (script, mode, expected) in cases {
        let cluster = with_plugin(directory.path(), script, mode)?;
        let said = refusal(&cluster, hasty).await;
        assert!(said.contains(expected), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }
    Ok(())
}
