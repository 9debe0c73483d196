/*! Exit codes, by which scripts tell whose fault a failure was. They are part of the contract and never change. */

use std::process::ExitCode;

use schema::bundle::Blame;

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Everything asked for was done.
    Done = 0,
    /// It failed for a reason that has no code of its own.
    Failed = 1,
    /// The command line or a file it names is wrong.
    Usage = 2,
    /// No trusted key signed the bundle.
    NoTrustedSignature = 10,
    /// The bundle was altered or cut, or a part is missing.
    Integrity = 11,
    /// The source registry refused, failed or lied.
    Source = 20,
    /// The target registry refused or failed.
    Target = 30,
    /// Some clusters failed, others did not.
    SomeClusters = 40,
    /// All clusters failed.
    AllClusters = 41,
    /// Clusters are not as the bundle says.
    Drift = 42,
    /// A policy or a scan refused.
    Refused = 50,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<Blame> for Exit {
    fn from(blame: Blame) -> Self {
        match blame {
            Blame::Integrity => Self::Integrity,
            Blame::Medium => Self::Failed,
            Blame::Signature => Self::NoTrustedSignature,
            Blame::User => Self::Usage,
        }
    }
}

/// An error that knows its exit code.
pub trait HasExitCode: std::error::Error + 'static {
    /// With which code the program ends on it.
    fn exit(&self) -> Exit;
}
