/*! What commands are asked for, as plain values; how it is typed stands in the files called `args.rs`. */

/// How far a dry run goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DryRun {
    /// Nothing is sent that could change anything; clusters are not asked.
    Client,
    /// Clusters are asked what they would do, and do nothing.
    Server,
}

/// The kind of the mirror configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MirrorConfig {
    /// ImageDigestMirrorSet, since OpenShift 4.13.
    Idms,
    /// ImageContentSourcePolicy, for what is older.
    Icsp,
    /// None.
    None,
}
