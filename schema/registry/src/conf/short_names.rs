/*!
Short names: `[aliases]` sets what one stands for, and so does a single registry to search.

Several registries to search leave a name with several meanings. podman asks the user then; here Docker Hub is meant where it is among
them, as for docker and skopeo, and otherwise nothing is guessed. `docker://NAME` is skopeo's own form and always means Docker Hub.
*/

use super::{Error, RegistriesConf};

impl RegistriesConf {
    /// The full form of a short name as a user typed it (`NAME[:TAG][@DIGEST]`); `None` where it is none, or means Docker Hub.
    pub fn full_name(&self, typed: &str) -> Result<Option<String>, Error> {
        let (name, rest) = split(typed);
        if !is_short(name) {
            return Ok(None);
        }
        if let Some(alias) = self
            .aliases
            .get(name)
            .filter(|alias| !alias.target.is_empty())
        {
            let (full, file) = (format!("{}{rest}", alias.target), alias.file.display());
            tracing::info!("{typed} is {full}, as {file} sets it");
            return Ok(Some(full));
        }
        let Some((search, file)) = &self.search else {
            return Ok(None);
        };
        let file = file.display();
        match search.as_slice() {
            [] => Ok(None),
            [one] if one == "docker.io" => Ok(None),
            [one] => {
                let full = format!("{one}/{typed}");
                tracing::info!("{typed} is {full}, as {file} sets it");
                Ok(Some(full))
            }
            many if many.iter().any(|one| one == "docker.io") => {
                let others: Vec<_> = many
                    .iter()
                    .filter(|one| *one != "docker.io")
                    .map(String::as_str)
                    .collect();
                let others = others.join(", ");
                tracing::warn!(
                    "{typed} is taken from docker.io; {file} also names {others} for short names: write the registry's name if one of them is meant"
                );
                Ok(None)
            }
            many => Err(Error::Config(format!(
                "{typed} is a short name, and {file} names several registries to search ({}); write which one is meant, such as {}/{typed}",
                many.join(", "),
                many.first().map_or("", String::as_str)
            ))),
        }
    }
}

/// The name, and its tag and digest.
fn split(typed: &str) -> (&str, &str) {
    let before_digest = typed.find('@').unwrap_or(typed.len());
    let name = typed.get(..before_digest).unwrap_or(typed);
    let last = name.rfind('/').map_or(0, |at| at + 1);
    let end = name
        .get(last..)
        .and_then(|part| part.find(':'))
        .map_or(name.len(), |at| last + at);
    typed.split_at(end)
}

/// Docker's rule: the first of several parts is a host where it looks like one.
fn is_short(name: &str) -> bool {
    match name.split_once('/') {
        Some((first, _)) => !first.contains(['.', ':', '[']) && first != "localhost",
        None => !name.is_empty(),
    }
}
