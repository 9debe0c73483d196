/*! How long is waited for what while an upgrade is watched. */

use std::time::Duration;

/// How long to wait for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Between two looks.
    pub poll: Duration,
    /// For a release that the cluster does not accept: fetching and verifying it is tried again for four minutes.
    pub refused: Duration,
    /// For a cluster that says it is failing, or a pool that is degraded.
    pub troubled: Duration,
    /// For an API server that does not answer.
    pub unreachable: Duration,
    /// For all of it.
    pub timeout: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self {
            poll: Duration::from_secs(5),
            refused: minutes(5),
            troubled: minutes(20),
            unreachable: minutes(15),
            timeout: None,
        }
    }
}
