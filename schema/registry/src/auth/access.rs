/*! What a request wants to do where: the key under which tokens are kept ("Token Scope Documentation"). */

use schema::Repository;

/// What a request wants to do: the repository it is for, and the scopes for a token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Access {
    /// Whose credentials are taken.
    pub repository: Repository,
    /// `repository:NAME:ACTIONS`, sorted.
    pub scopes: Vec<String>,
}

impl Access {
    /// Reading a repository.
    pub(crate) fn pull(repository: &Repository) -> Self {
        Self {
            repository: repository.clone(),
            scopes: vec![format!("repository:{repository}:pull")],
        }
    }

    /// Writing to a repository.
    pub(crate) fn push(repository: &Repository) -> Self {
        Self {
            repository: repository.clone(),
            scopes: vec![format!("repository:{repository}:pull,push")],
        }
    }

    /// Mounting into a repository from another.
    pub(crate) fn mount(repository: &Repository, from: &Repository) -> Self {
        let mut access = Self::push(repository);
        if from != repository {
            access.scopes.push(format!("repository:{from}:pull"));
        }
        access
    }

    /// Whether a token for this also allows that scope.
    pub(crate) fn covers(&self, scope: &str) -> bool {
        self.scopes.iter().any(|own| covers(own, scope))
    }
}

/// Whether a scope we ask for holds all of another on the same resource.
fn covers(own: &str, other: &str) -> bool {
    match (own.rsplit_once(':'), other.rsplit_once(':')) {
        (Some((resource, actions)), Some((same, wanted))) => {
            resource == same
                && wanted
                    .split(',')
                    .all(|action| actions.split(',').any(|own| own == action))
        }
        _ => false,
    }
}
