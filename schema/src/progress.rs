/*! How libraries say how far they are, without knowing whether anybody looks. */

use std::fmt;

/// Receives progress. Implementations must be cheap: they are called for every buffer.
pub trait Progress: fmt::Debug + Send + Sync {
    /// A phase of `total` bytes begins.
    fn begin(&self, phase: &str, total: u64);
    /// That many more bytes of the phase are done, moved or found already there.
    fn advance(&self, bytes: u64);
    /// The phase is over.
    fn end(&self);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64) {}
    fn end(&self) {}
}
