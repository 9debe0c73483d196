/*!
What is asked for, as values: where each image and release comes from is settled, and nothing of them has been fetched.
*/

use schema::{Repository, Selector, Tag};

use crate::source::Source;

/// An image to take.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Where from.
    pub source: Source,
    /// Which manifest there.
    pub selector: Selector,
    /// Its repository in the bundle.
    pub repository: Repository,
    /// Its tags in the bundle.
    pub tags: Vec<Tag>,
    /// The reference as it stands in the index and in messages.
    pub display_ref: String,
    /// What it is in a release, for messages: `component "etcd" of release 4.15.0`. Lists of such an image are kept whole, since
    /// clusters ask for them by digest.
    pub component: Option<String>,
    /// If it is a component: the tags of the releases it belongs to, in the same repository of the bundle, sorted.
    pub releases: Vec<Tag>,
}

/// An OpenShift release to take with all its components.
#[derive(Debug, Clone)]
pub struct WantedRelease {
    /// Where the release image is.
    pub source: Source,
    /// Which manifest there.
    pub selector: Selector,
    /// The reference for the index and for messages.
    pub display_ref: String,
}
