/*!
Conditions and hooks of a wave: what must hold on a cluster before it is begun, and the site's own Jobs before and after.

```text
CLUSTERS.yaml → Gates → Gate (one cluster's turn) → what is not met, or what failed
```

[`Gates`] are values that stand in the file. A [`Gate`] asks a cluster about them. When that is, is known to [`crate::rollout`].
*/

mod hook;
mod job;
mod requirement;
#[cfg(test)]
mod tests;
mod turn;
mod window;

pub use hook::{Hook, RunId, Stage};
pub use requirement::{Requirement, Which};
pub use turn::{Gate, Limits};
pub use window::Window;

/// What a wave asks for beyond its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gates {
    /// When its clusters may be begun.
    pub window: Option<Window>,
    /// What must hold on each, right before its first change.
    pub require: Vec<Requirement>,
    /// What runs on each before its first change, in order.
    pub before: Vec<Hook>,
    /// What runs on each when all else is done, in order.
    pub after: Vec<Hook>,
}

impl Gates {
    /// Whether a cluster has to be asked anything.
    pub fn ask(&self) -> bool {
        !(self.require.is_empty() && self.before.is_empty() && self.after.is_empty())
    }
}
