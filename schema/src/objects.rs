/*! Kubernetes documents. */

/// The largest file of Kubernetes documents: 16 MiB.
pub const FILE_LIMIT: u64 = 16 << 20;
