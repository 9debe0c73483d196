/*! Unpacks a verified bundle: the directory gets its name after the last byte was checked. */

use std::{collections::BTreeSet, io, path::Path};

use schema::{
    Progress,
    bundle::{self, Kind, Unpacking, Verified},
};

use crate::{Error, audit};

/// Repositories for which the next command is spelled out.
const SHOWN: usize = 5;

/// Writes every file, and says what can be done with them.
pub fn into_directory(
    bundle: Verified,
    directory: &Path,
    progress: &dyn Progress,
) -> Result<String, Error> {
    let index = bundle.index().clone();
    progress.begin(
        "Extracting",
        index.files.iter().map(|file| file.stored()).sum(),
    );
    let target = Unpacking::into(directory)?;
    target.clear()?;
    let contents = bundle.into_contents();
    target.head(contents.tape())?;
    let result: Result<(), bundle::Error> = contents.visit(|entry| {
        let failed = |error| bundle::Error::from_io(error, entry.file.path.to_string());
        if audit::concerns(entry.file) {
            let bytes = entry.body.read_whole()?;
            audit::check(&index, &entry.file.path, &bytes)?;
            io::copy(&mut bytes.as_slice(), &mut target.create(entry.file)?).map_err(failed)?;
        } else if matches!(entry.file.kind(), Kind::Regular) {
            io::copy(&mut entry.body, &mut target.create(entry.file)?).map_err(failed)?;
        }
        target.link(entry.file)?;
        progress.advance(entry.file.stored());
        Ok(())
    });
    progress.end();
    result?;
    target.finish()?;
    let place = directory.display();
    let mut said = format!("Extracted to {place}, every byte verified.\n");
    let repositories: BTreeSet<_> = index.images.iter().map(|image| &image.repository).collect();
    for repository in repositories.iter().take(SHOWN) {
        said.push_str(&format!(
            "  oc image mirror --from-dir={place} 'file://{repository}' REGISTRY/{repository}\n"
        ));
    }
    if repositories.len() > SHOWN {
        said.push_str(&format!(
            "  … and likewise for {} more repositories\n",
            repositories.len() - SHOWN
        ));
    }
    if !index.objects.is_empty() {
        said.push_str(&format!("  kubectl apply -Rf {place}/config\n"));
    }
    Ok(said)
}
