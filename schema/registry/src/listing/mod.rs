/*! Lists that a registry gives: the tags of a repository, and what refers to a manifest. Neither is content with a digest. */

mod referrers;
pub(crate) mod tag_list;
mod tags;

pub use referrers::REFERRERS_LIMIT;
pub use tag_list::TagList;
