/*!
A server as a child process that never outlives this one, however this one ends.

A test that is killed cannot clean up. So the child is started by a shell that first leaves a guard behind: it reads a
pipe that only this process holds, and kills the child as soon as the pipe closes. The kernel closes it in every case.
*/

use std::{
    fs::{self, File},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// `exec` keeps the process id, so `$$` is the server's, and so is what [`Daemon::pid`] gives.
const GUARDED: &str = r#"exec 3<&0
{ cat <&3; kill -9 $$; } >/dev/null 2>&1 &
exec "$@" 3<&- </dev/null"#;

/// Between two looks at a server that starts.
const GLANCE: Duration = Duration::from_millis(20);

/// The longest a start may take, on a machine that compiles at the same time.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running server; killed when dropped.
#[derive(Debug)]
pub(super) struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts it in `directory`, with an empty environment; what it says is appended to `log` there.
    pub fn start(program: &Path, arguments: &[String], directory: &Path) -> Result<Self> {
        let log = directory.join("log");
        let said = File::options().create(true).append(true).open(&log)?;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", GUARDED, "sh"]).arg(program);
        command.args(arguments).current_dir(directory).env_clear();
        // In a group of its own, Ctrl-C reaches the tests first and the guard does the rest.
        let child = command
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(said)
            .spawn();
        let child = child.with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self { child, log })
    }

    /// Asks until there is an answer; an error with the end of its log if it ends before, or takes too long.
    pub fn wait_for<T>(&mut self, ready: impl Fn(&str) -> Option<T>) -> Result<T> {
        let started = Instant::now();
        loop {
            let log = fs::read_to_string(&self.log)?;
            if let Some(answer) = ready(&log) {
                return Ok(answer);
            }
            let ended = self.child.try_wait()?;
            if ended.is_some() || started.elapsed() > PATIENCE {
                let lines: Vec<&str> = log.lines().collect();
                let last = lines[lines.len().saturating_sub(20)..].join("\n");
                bail!("a server did not start (it ended: {ended:?}):\n{last}");
            }
            thread::sleep(GLANCE);
        }
    }

    /// Its process, for measuring.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail only when it has already ended. The guard goes when the pipe closes, with the fields.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the guard is for: nobody calls `drop` in a process that was killed.
    #[test]
    fn a_server_ends_with_the_pipe() -> Result<(), Box<dyn std::error::Error>> {
        let directory = tempfile::tempdir()?;
        let script = ["-c".to_owned(), "echo up >&2; exec sleep 600".to_owned()];
        let mut daemon = Daemon::start(Path::new("/bin/sh"), &script, directory.path())?;
        daemon.wait_for(|log| log.contains("up").then_some(()))?;
        drop(daemon.child.stdin.take());
        let status = daemon.child.wait()?;
        assert_eq!(
            std::os::unix::process::ExitStatusExt::signal(&status),
            Some(9)
        );
        Ok(())
    }
}
