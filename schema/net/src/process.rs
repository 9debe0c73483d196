/*!
Other programs that are run for what they print: credential helpers, login plugins.

What they print is read up to a limit, and they are stopped when they print more or take too long, whatever they are busy with.
They are named by files of the user and come from anywhere: what our own variables hold, a passphrase first of all, is none of
their business.
*/

use std::{
    collections::HashSet,
    ffi::OsString,
    io,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use futures_util::future::join;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, Command},
    time::timeout,
};
use zeroize::Zeroizing;

/// What the names of our own variables begin with.
const OURS: [&str; 2] = ["BUNDLER_", "IMPORTER_"];

/// What a program may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes on its standard output.
    pub bytes: usize,
    /// From its start to its end.
    pub time: Duration,
}

/// What a program that ended by itself left.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output, within the bounds. It may be a secret.
    pub stdout: Zeroizing<Vec<u8>>,
}

/// Why there is no output. Each reads on from the program's name.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started, or not be read.
    #[error("cannot be run: {0}")]
    Io(#[from] io::Error),
    /// It took too long, and was stopped.
    #[error("did not finish within {} s", .0.as_secs())]
    Slow(Duration),
    /// It printed too much, and was stopped.
    #[error("printed more than {} KiB", .0 >> 10)]
    Talkative(usize),
}

/// Runs a program with `input` (a few bytes) on its standard input. What it prints on standard error is not shown, as it may be
/// a secret.
pub async fn run(
    command: &mut Command,
    input: &[u8],
    bounds: &Bounds,
) -> Result<Output, ProcessError> {
    without_our_variables(command);
    let input = (!input.is_empty()).then_some(input);
    let mut child = command
        .stdin(if input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let output = timeout(bounds.time, exchange(&mut child, input, bounds.bytes)).await;
    let output = output.unwrap_or(Err(ProcessError::Slow(bounds.time)));
    if output.is_err() {
        // It may have ended by now.
        let _ = child.start_kill();
    }
    output
}

/// No child inherits our own variables; one that is set for it alone it gets.
fn without_our_variables(command: &mut Command) {
    let set: HashSet<OsString> = command
        .as_std()
        .get_envs()
        .map(|(name, _)| name.to_owned())
        .collect();
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let ours = OURS.iter().any(|prefix| text.starts_with(prefix));
        if ours && !set.contains(&name) {
            command.env_remove(&name);
        }
    }
}

async fn exchange(
    child: &mut Child,
    input: Option<&[u8]>,
    limit: usize,
) -> Result<Output, ProcessError> {
    let (stdin, out) = (child.stdin.take(), child.stdout.take());
    let give = async move {
        if let (Some(mut stdin), Some(input)) = (stdin, input) {
            // A program that does not read its input may still answer.
            let _ = stdin.write_all(input).await;
        }
    };
    let take = async move {
        let mut stdout = Zeroizing::new(Vec::new());
        match out {
            Some(out) => out.take(limit as u64 + 1).read_to_end(&mut stdout).await,
            None => Ok(0),
        }
        .map(|_| stdout)
    };
    let ((), stdout) = join(give, take).await;
    let stdout = stdout?;
    if stdout.len() > limit {
        return Err(ProcessError::Talkative(limit));
    }
    let status = child.wait().await?;
    Ok(Output { status, stdout })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        bytes: 1000,
        time: Duration::from_secs(20),
    };

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn an_answer_comes_with_its_status() -> Result<(), ProcessError> {
        let answer = run(&mut shell("cat; exit 3"), b"asked", &BOUNDS).await?;
        assert_eq!(
            (answer.status.code(), answer.stdout.as_slice()),
            (Some(3), &b"asked"[..])
        );
        Ok(())
    }

    /// Output without end was once kept until the program's time was up: 730 MB of it.
    #[tokio::test]
    async fn a_program_that_does_not_stop_talking_is_stopped() {
        let flood = run(&mut shell("exec yes"), b"", &BOUNDS).await;
        assert!(
            matches!(flood, Err(ProcessError::Talkative(1000))),
            "{flood:?}"
        );
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_stopped() {
        let bounds = Bounds {
            time: Duration::from_millis(50),
            ..BOUNDS
        };
        let hangs = run(&mut shell("exec sleep 600"), b"ignored", &bounds).await;
        assert!(matches!(hangs, Err(ProcessError::Slow(_))), "{hangs:?}");
        let missing = run(&mut Command::new("/nowhere/to/be/found"), b"", &BOUNDS).await;
        assert!(matches!(missing, Err(ProcessError::Io(_))), "{missing:?}");
    }
}
