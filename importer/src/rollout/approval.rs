/*!
Somebody who says yes: that the next wave may begin, or that objects may be removed. At the terminal, or beforehand with a flag for
each, `--auto-approve` and `--auto-prune`: who approves waves has not said that anything may be removed.

The terminal is asked itself, not standard input, because a bundle may come in there.
*/

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Write},
};

use tokio::sync::oneshot;

use crate::fleet::{Pause, Wave};

/// Longest answer that is read, in bytes.
const ANSWER: u64 = 1024;

/// Where approval comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    /// It was given on the command line.
    Given,
    /// Somebody is asked.
    Terminal,
}

/// Something waits for approval, and nobody is there. The user's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unattended {
    /// Objects are to be removed.
    #[error(
        "--prune asks before it removes anything, and there is no terminal to ask at; run it at a terminal, or agree beforehand to what is removed with --auto-prune"
    )]
    Prune,
    /// A wave of this number.
    #[error(
        "wave {0} of the clusters file pauses for approval, and there is no terminal to give it at; run it at a terminal, or approve all waves with --auto-approve"
    )]
    Wave(usize),
}

impl Approval {
    /// Finds out before anything is begun whether approval can be had.
    pub fn new(waves: &[Wave], given: bool) -> Result<Self, Unattended> {
        Self::from(waves, given, || terminal().is_ok())
    }

    /// The same for what is to be removed.
    pub fn to_remove(given: bool) -> Result<Self, Unattended> {
        match given {
            true => Ok(Self::Given),
            false if terminal().is_ok() => Ok(Self::Terminal),
            false => Err(Unattended::Prune),
        }
    }

    fn from(
        waves: &[Wave],
        given: bool,
        attended: impl FnOnce() -> bool,
    ) -> Result<Self, Unattended> {
        if given {
            return Ok(Self::Given);
        }
        // A pause comes between two waves: one without clusters has none, nor has the last.
        let mut waves = waves.iter().filter(|wave| !wave.clusters.is_empty());
        waves.next_back();
        match waves.find(|wave| wave.pause == Some(Pause::Approval)) {
            Some(wave) if !attended() => Err(Unattended::Wave(wave.number)),
            _ => Ok(Self::Terminal),
        }
    }

    /// Waits for `yes`; the reason if another answer comes. The thread that reads ends with the process at the latest.
    pub async fn wait(self, question: &str) -> Result<(), String> {
        if self == Self::Given {
            return Ok(());
        }
        let question = question.to_owned();
        let (send, receive) = oneshot::channel();
        let asking = std::thread::Builder::new().spawn(move || {
            let answer = terminal().and_then(|terminal| {
                let reader = BufReader::new(terminal.try_clone()?);
                ask(&question, reader, terminal)
            });
            // Nobody listens any more after an interruption.
            drop(send.send(answer));
        });
        asking.map_err(|error| error.to_string())?;
        match receive.await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err("the answer was not yes".to_owned()),
            Ok(Err(error)) => Err(format!("the terminal cannot be read: {error}")),
            Err(_) => Err("the terminal cannot be read".to_owned()),
        }
    }
}

fn terminal() -> io::Result<File> {
    File::options().read(true).write(true).open("/dev/tty")
}

/// Asks once; whether the answer is yes.
fn ask(question: &str, reader: impl BufRead, mut writer: impl Write) -> io::Result<bool> {
    write!(writer, "{question} [yes/no] ")?;
    writer.flush()?;
    let mut answer = String::new();
    reader.take(ANSWER).read_line(&mut answer)?;
    let answer = answer.trim();
    Ok(["y", "yes"]
        .iter()
        .any(|yes| answer.eq_ignore_ascii_case(yes)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use cluster::testing;

    use super::*;

    fn wave(number: usize) -> Wave {
        Wave::of(number, vec![Arc::new(testing::cluster())])
    }

    #[test]
    fn only_yes_is_yes() -> io::Result<()> {
        for (answer, approved) in [
            ("yes\n", true),
            ("Y\r\n", true),
            ("no\n", false),
            ("\n", false),
            ("", false),
            ("yes please\n", false),
        ] {
            let mut shown = Vec::new();
            assert_eq!(
                ask("go on?", answer.as_bytes(), &mut shown)?,
                approved,
                "{answer:?}"
            );
            assert_eq!(shown, b"go on? [yes/no] ");
        }
        Ok(())
    }

    #[test]
    fn a_plan_that_waits_for_approval_is_refused_where_nobody_is() {
        let asking = Wave {
            pause: Some(Pause::Approval),
            ..wave(2)
        };
        let waves = [wave(1), asking, wave(3)];
        let unattended = Approval::from(&waves, false, || false);
        assert_eq!(unattended, Err(Unattended::Wave(2)));
        assert_eq!(Approval::from(&waves, true, || false), Ok(Approval::Given));
        assert_eq!(
            Approval::from(&waves, false, || true),
            Ok(Approval::Terminal)
        );
        let mut chosen = waves.clone();
        chosen[1].clusters.clear();
        for unasked in [&waves[..1], &waves[..2], &chosen] {
            assert_eq!(
                Approval::from(unasked, false, || false),
                Ok(Approval::Terminal),
                "nothing follows, or nobody has a turn"
            );
        }
    }
}
