/*! Lists that a registry gives: the tags of a repository, and what refers to a manifest. Neither is content with a digest. */

pub(crate) mod referrers;
pub(crate) mod tags;

pub use referrers::REFERRERS_LIMIT;
pub use tags::TagList;
