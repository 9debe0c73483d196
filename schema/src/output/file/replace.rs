/*! Small files that are whole or not there, as reports: written beside their place under a name that nobody can foresee. */

use std::io::{self, Write as _};

use crate::output::{Destination, Error, OutputPath, file::fresh::exclusive, partial};

/// Puts bytes where [`Destination::resolve`] found room for them. A file that is there already keeps its mode, else it gets
/// `mode`; on failure it is what it was.
pub fn replace(destination: &Destination, bytes: &[u8], mode: u32) -> Result<(), Error> {
    match destination {
        Destination::File(place) => in_place(place, bytes, mode),
        Destination::Stream(stream) => {
            let mut out = stream.open()?;
            let written = out.write_all(bytes).and_then(|()| out.flush());
            written.map_err(|error| Error::of(stream.path(), error))
        }
    }
}

fn in_place(place: &OutputPath, bytes: &[u8], mode: u32) -> Result<(), Error> {
    place.check_file()?;
    let mode = place.final_mode(mode)?;
    let failed = |error| place.failed(error);
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| failed(io::Error::other(error)))?;
    let name = partial::of_replacement(&place.name, random);
    let mut file = place
        .parent
        .open_with(&name, &exclusive(0o600))
        .map_err(failed)?
        .into_std();
    let written = file
        .write_all(bytes)
        .and_then(|()| file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode)))
        .and_then(|()| file.sync_all())
        .and_then(|()| place.parent.rename(&name, &place.parent, &place.name));
    if written.is_err() {
        // It is ours: it was made a moment ago, exclusively.
        place.parent.remove_file(&name).ok();
    }
    written.and_then(|()| place.sync()).map_err(failed)
}
