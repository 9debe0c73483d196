/*!
Other programs that are run for what they print: credential helpers, login plugins.

What they print is read up to a limit, and they are stopped when they print more or take too long, whatever they are busy with.
They are named by files of the user and come from anywhere: what our own variables hold, a passphrase first of all, is none of
their business.
*/

use std::{
    collections::HashSet,
    ffi::OsString,
    fmt, io,
    pin::pin,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use futures_util::future::{Either, join, select};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStderr, Command},
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

/// What a program has printed. Both may be secrets.
#[derive(Default)]
pub struct Printed {
    /// Its standard output, within the bounds.
    pub stdout: Zeroizing<Vec<u8>>,
    /// The last 4 KiB of its standard error.
    pub stderr: Zeroizing<Vec<u8>>,
}

/// Nothing of it.
impl fmt::Debug for Printed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Printed").finish_non_exhaustive()
    }
}

/// What a program that ended by itself left.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub printed: Printed,
}

/// Why there is no output. Each reads on from the program's name.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started, or not be read.
    #[error("cannot be run: {0}")]
    Io(#[from] io::Error),
    /// It took too long, and was stopped.
    #[error("did not finish within {} s", .0.as_secs())]
    Slow(Duration, Printed),
    /// It printed too much, and was stopped.
    #[error("printed more than {} KiB", .0 >> 10)]
    Talkative(usize),
}

/// The most that is kept of standard error.
const ERRORS: usize = 4 << 10;

/// How long standard error is read on after a program has ended: what it has started may hold it open.
const GRACE: Duration = Duration::from_millis(100);

/// Runs a program with `input` (a few bytes) on its standard input.
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
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut printed = Printed::default();
    let ended = exchange(&mut child, input, bounds.bytes, &mut printed);
    let ended = timeout(bounds.time, ended).await;
    if !matches!(ended, Ok(Ok(_))) {
        // It may have ended by now.
        let _ = child.start_kill();
    }
    match ended {
        Ok(status) => Ok(Output {
            status: status?,
            printed,
        }),
        Err(_) => Err(ProcessError::Slow(bounds.time, printed)),
    }
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
    printed: &mut Printed,
) -> Result<ExitStatus, ProcessError> {
    let (stdin, out) = (child.stdin.take(), child.stdout.take());
    let errors = pin!(last(child.stderr.take(), &mut printed.stderr));
    let give = async move {
        if let (Some(mut stdin), Some(input)) = (stdin, input) {
            // A program that does not read its input may still answer.
            let _ = stdin.write_all(input).await;
        }
    };
    let stdout = &mut printed.stdout;
    let end = pin!(async move {
        let take = async {
            match out {
                Some(out) => out.take(limit as u64 + 1).read_to_end(stdout).await,
                None => Ok(0),
            }
        };
        let ((), taken) = join(give, take).await;
        if taken? > limit {
            return Err(ProcessError::Talkative(limit));
        }
        Ok(child.wait().await?)
    });
    match select(end, errors).await {
        Either::Left((status, errors)) => {
            // What does not come by then is missed.
            let _ = timeout(GRACE, errors).await;
            status
        }
        Either::Right(((), end)) => end.await,
    }
}

/// Reads all, and keeps the end of it.
async fn last(from: Option<ChildStderr>, kept: &mut Vec<u8>) {
    let Some(mut from) = from else { return };
    let mut piece = Zeroizing::new([0; 1 << 10]);
    while let Ok(read @ 1..) = from.read(piece.as_mut_slice()).await {
        kept.extend_from_slice(piece.get(..read).unwrap_or_default());
        let surplus = kept.len().saturating_sub(ERRORS);
        kept.drain(..surplus);
    }
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
            (answer.status.code(), answer.printed.stdout.as_slice()),
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

    /// A child of it may hold the pipe open, and nobody waits for that.
    #[tokio::test]
    async fn the_end_of_standard_error_is_kept() -> Result<(), ProcessError> {
        let script = "(exec sleep 5 >/dev/null) & yes x | head -c 9000 >&2; echo end >&2";
        let answer = run(&mut shell(script), b"", &BOUNDS).await?;
        let said = &answer.printed.stderr;
        assert!(
            said.len() <= ERRORS && said.ends_with(b"end\n"),
            "{}",
            said.len()
        );
        Ok(())
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_stopped() {
        let bounds = Bounds {
            time: Duration::from_millis(50),
            ..BOUNDS
        };
        let hangs = run(&mut shell("exec sleep 600"), b"ignored", &bounds).await;
        assert!(matches!(hangs, Err(ProcessError::Slow(..))), "{hangs:?}");
        let missing = run(&mut Command::new("/nowhere/to/be/found"), b"", &BOUNDS).await;
        assert!(matches!(missing, Err(ProcessError::Io(_))), "{missing:?}");
    }
}
