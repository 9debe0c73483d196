/*!
The two programs, run as an operator runs them: as processes, with nothing inherited from the developer's desk.

No proxies, no credentials, an empty home. A run can be killed at a chosen moment, and its peak memory is read from
`/proc/<pid>/status` (`VmHWM`) every few milliseconds: growth in the last of them can be missed, nothing else.
*/

use std::{
    ffi::{OsStr, OsString},
    fs,
    io::Read,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::OnceLock,
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Between two looks at a running process.
const GLANCE: Duration = Duration::from_millis(2);

/// A program to run, with its arguments.
#[derive(Debug)]
pub struct Program {
    command: Command,
    home: TempDir,
    stdout_to_file: bool,
}

/// What a run left behind.
#[derive(Debug)]
pub struct Output {
    /// Exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Everything on stdout; empty if it went elsewhere.
    pub stdout: Vec<u8>,
    /// Everything on stderr.
    pub stderr: String,
    /// Most memory it held, in bytes; 0 if it ended before the first look.
    pub peak_rss: u64,
    /// Bytes it had read from files and pipes at the last look (`rchar`; sockets do not count).
    pub read: u64,
}

impl Program {
    /// The connected side.
    pub fn bundler() -> Result<Self> {
        Self::at(&binaries()?.join("bundler"))
    }

    /// The air-gapped side.
    pub fn importer() -> Result<Self> {
        Self::at(&binaries()?.join("importer"))
    }

    /// Any program, in the same clean environment.
    pub fn at(path: &Path) -> Result<Self> {
        let home = tempfile::tempdir().context("cannot make a home directory")?;
        let (runtime, docker) = (home.path().join("runtime"), home.path().join("docker"));
        fs::create_dir(&runtime)?;
        fs::create_dir(&docker)?;
        fs::set_permissions(&runtime, fs::Permissions::from_mode(0o700))?;
        let mut command = Command::new(path);
        command
            .stdin(Stdio::null())
            .env_clear()
            .env("HOME", home.path())
            .env("XDG_RUNTIME_DIR", runtime)
            .env("DOCKER_CONFIG", docker);
        for kept in ["PATH", "TMPDIR", "RUST_BACKTRACE"] {
            command.envs(std::env::var_os(kept).map(|value| (kept, value)));
        }
        Ok(Self {
            command,
            home,
            stdout_to_file: false,
        })
    }

    /// Its home directory, for credentials and the like; gone when the run is over.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Adds arguments.
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Without a terminal, as in a job: in a session of its own, with an empty stdin.
    pub fn unattended(self) -> Self {
        let mut setsid = Command::new("setsid");
        setsid.arg("--wait").arg(self.command.get_program());
        setsid.args(self.command.get_args()).stdin(Stdio::null());
        self.under(setsid)
    }

    /// At a terminal at which this is typed; what it shows there, and its stdout and stderr, become stdout.
    pub fn at_terminal(self, typed: &str) -> Result<Self> {
        let quoted = |word: &OsStr| format!("'{}'", word.to_string_lossy().replace('\'', "'\\''"));
        let words = [self.command.get_program()].into_iter();
        let words: Vec<String> = words.chain(self.command.get_args()).map(quoted).collect();
        let mut script = Command::new("script");
        script.args(["--quiet", "--return", "--command", &words.join(" ")]);
        script.arg("/dev/null");
        let file = self.home.path().join("typed");
        fs::write(&file, typed)?;
        self.under(script).stdin_file(&file)
    }

    /// With another program's command line, in the same environment.
    fn under(mut self, mut command: Command) -> Self {
        command.env_clear();
        let set = self.command.get_envs();
        command.envs(set.filter_map(|(name, value)| Some((name, value?))));
        self.command = command;
        self
    }

    /// Gives it a file as stdin; else stdin is empty.
    pub fn stdin_file(mut self, path: &Path) -> Result<Self> {
        self.command.stdin(
            fs::File::open(path).with_context(|| format!("cannot open {}", path.display()))?,
        );
        Ok(self)
    }

    /// Sends its stdout to a new file instead of memory.
    pub fn stdout_file(mut self, path: &Path) -> Result<Self> {
        self.command.stdout(
            fs::File::create(path).with_context(|| format!("cannot create {}", path.display()))?,
        );
        self.stdout_to_file = true;
        Ok(self)
    }

    /// Runs it to its end.
    pub fn run(self) -> Result<Output> {
        self.kill_when(|| false)
    }

    /// Runs it and kills it (SIGKILL) as soon as a condition holds; it may end before.
    pub fn kill_when(self, condition: impl Fn() -> bool) -> Result<Output> {
        self.signal_when(Signal::KILL, condition)
    }

    /// Runs it and interrupts it (SIGINT, as Ctrl-C does) as soon as a condition holds; it ends as it sees fit.
    pub fn interrupt_when(self, condition: impl Fn() -> bool) -> Result<Output> {
        self.signal_when(Signal::INT, condition)
    }

    fn signal_when(mut self, signal: Signal, condition: impl Fn() -> bool) -> Result<Output> {
        if !self.stdout_to_file {
            self.command.stdout(Stdio::piped());
        }
        Running::start(self)?.wait(signal, condition)
    }

    /// Runs it with its stdout as the stdin of another; gives both outcomes.
    pub fn pipe_into(mut self, mut next: Program) -> Result<(Output, Output)> {
        self.command.stdout(Stdio::piped());
        let mut first = Running::start(self)?;
        let pipe = first.child.stdout.take();
        next.command
            .stdin(pipe.map_or_else(Stdio::null, Stdio::from))
            .stdout(Stdio::piped());
        let second = Running::start(next)?;
        let follower = thread::spawn(move || second.wait(Signal::KILL, || false));
        let first = first.wait(Signal::KILL, || false)?;
        let second = follower
            .join()
            .map_err(|_| anyhow!("the reader of the second program panicked"))??;
        Ok((first, second))
    }
}

impl Output {
    /// stdout as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// This output if the exit code was the expected one; else an error that shows stderr.
    pub fn expect_code(self, code: i32) -> Result<Self> {
        if self.code == Some(code) {
            return Ok(self);
        }
        bail!(
            "exit code {:?} (signal {:?}), expected {code}; stderr:\n{}",
            self.code,
            self.signal,
            self.stderr
        )
    }
}

/// A started program; killed if it is dropped before its end.
struct Running {
    child: Child,
    stderr: Option<JoinHandle<Vec<u8>>>,
    _home: TempDir,
}

impl Running {
    fn start(mut program: Program) -> Result<Self> {
        let name = program.command.get_program().to_owned();
        let child = program.command.stderr(Stdio::piped()).spawn();
        let mut child = child.with_context(|| format!("cannot start {}", name.display()))?;
        let stderr = child.stderr.take().map(collect);
        Ok(Self {
            child,
            stderr,
            _home: program.home,
        })
    }

    fn wait(mut self, signal: Signal, condition: impl Fn() -> bool) -> Result<Output> {
        let stdout = self.child.stdout.take().map(collect);
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.context("the program has no process id")?;
        let (mut peak_rss, mut read) = (0, 0);
        let mut signalled = false;
        let status: ExitStatus = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            // It is our child and not waited for yet: the number is still its own.
            if !signalled && condition() {
                kill_process(pid, signal)?;
                signalled = true;
            }
            peak_rss = high_water(self.child.id()).unwrap_or(peak_rss);
            read = bytes_read(self.child.id()).unwrap_or(read);
            thread::sleep(GLANCE);
        };
        Ok(Output {
            code: status.code(),
            signal: status.signal(),
            stdout: gathered(stdout)?,
            stderr: String::from_utf8_lossy(&gathered(self.stderr.take())?).into_owned(),
            peak_rss,
            read,
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only when the process has already ended.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn collect(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // A pipe that breaks with its process ends the reading; what came before is still worth showing.
        pipe.read_to_end(&mut bytes).ok();
        bytes
    })
}

fn gathered(reader: Option<JoinHandle<Vec<u8>>>) -> Result<Vec<u8>> {
    let Some(reader) = reader else {
        return Ok(Vec::new());
    };
    reader
        .join()
        .map_err(|_| anyhow!("the reader of a pipe panicked"))
}

/// `VmHWM` in bytes.
fn high_water(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

/// `rchar` of `/proc/<pid>/io`.
fn bytes_read(pid: u32) -> Option<u64> {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
    let line = io.lines().find_map(|line| line.strip_prefix("rchar:"))?;
    line.trim().parse().ok()
}

/// Where the programs are: `BUNDLE_BIN_DIR`, else built once, in the profile of the running program. Cargo's progress
/// is shown unless a test asks.
pub fn binaries() -> Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| match std::env::var_os("BUNDLE_BIN_DIR") {
        Some(directory) => Ok(directory.into()),
        None => build().map_err(|error| format!("{error:#}")),
    });
    built.clone().map_err(|error| anyhow!(error))
}

fn build() -> Result<PathBuf> {
    let directory = profile_directory()?;
    let target = directory
        .parent()
        .context("the target directory has no parent")?;
    let mut command =
        Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    // Together with this package, features come out as they did for the running program: nothing is compiled twice.
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args([
        "build",
        "--package=bundler",
        "--package=importer",
        "--package=tests",
        "--bin=bundler",
        "--bin=importer",
        "--target-dir",
    ]);
    // The directory of a profile has its name, but for that of `dev`.
    let profile = match directory.file_name() {
        Some(name) if name != "debug" => name,
        _ => OsStr::new("dev"),
    };
    command.arg(target).arg("--profile").arg(profile);
    let in_test = std::env::current_exe()?
        .parent()
        .is_some_and(|place| place.ends_with("deps"));
    if !in_test {
        command.stderr(Stdio::inherit());
    }
    let output = command
        .output()
        .context("cannot run cargo; set BUNDLE_BIN_DIR to the directory of both programs")?;
    if !output.status.success() {
        bail!(
            "cargo could not build the programs:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(directory)
}

/// `target/debug` or `target/release`: tests run from `deps` below it, other programs from it.
pub(crate) fn profile_directory() -> Result<PathBuf> {
    let executable = std::env::current_exe().context("cannot tell where this program is")?;
    let directory = executable
        .ancestors()
        .skip(1)
        .find(|directory| !directory.ends_with("deps") && !directory.ends_with("examples"));
    Ok(directory
        .context("this program lies at the root")?
        .to_owned())
}
