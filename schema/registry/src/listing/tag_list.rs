/*! What is known of the tags of repositories: a list is only ever believed in what it lacks. */

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, PoisonError},
};

use schema::{Repository, Tag};
use tokio::sync::OnceCell;

/// The tags of a repository, as far as its list can be believed.
#[derive(Debug)]
pub enum TagList {
    /// There is no such repository (`NAME_UNKNOWN`).
    NoRepository,
    /// It was refused, is not whole, or would be no saving.
    Unknown,
    /// Every tag is in it.
    Whole(Names),
}

/// Names, kept as hashes: no more than a few bytes for each, whatever the registry calls them.
#[derive(Debug)]
pub struct Names {
    hashes: HashSet<u64>,
    hasher: RandomState,
}

impl TagList {
    /// Whether there is no such tag, by this list. One that it seems to hold may still not be there.
    pub fn lacks(&self, tag: &Tag) -> bool {
        match self {
            Self::NoRepository => true,
            Self::Unknown => false,
            Self::Whole(names) => !names.hashes.contains(&names.hasher.hash_one(tag.as_str())),
        }
    }

    pub(super) fn whole(tags: &[String]) -> Self {
        let hasher = RandomState::new();
        let hashes = tags.iter().map(|tag| hasher.hash_one(tag.as_str()));
        Self::Whole(Names {
            hashes: hashes.collect(),
            hasher,
        })
    }
}

/// The lists of a registry that were asked for.
#[derive(Debug, Default)]
pub(crate) struct TagLists(Mutex<HashMap<Repository, Arc<OnceCell<Arc<TagList>>>>>);

impl TagLists {
    pub(super) fn of(&self, repository: &Repository) -> Arc<OnceCell<Arc<TagList>>> {
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lists.entry(repository.clone()).or_default())
    }

    pub(super) fn replace(&self, repository: &Repository, list: TagList) {
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let list = Arc::new(OnceCell::new_with(Some(Arc::new(list))));
        lists.insert(repository.clone(), list);
    }
}
