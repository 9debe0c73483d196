/*!
`importer repair`: a damaged bundle, or one in volumes of which some are lost, as the one file that it was.

What is written is read back and verified before it gets its name.
*/

use std::{
    io::{self, Seek as _},
    path::{Path, PathBuf},
};

use schema::{
    Progress,
    bundle::{Opened, ReadFrom, TrustedKeys},
    output::{self, Destination, Growing},
    text::Page,
};

use crate::{Error, open, verify};

/// Writes the bundle that the paths lead to, repaired, to `output`.
pub fn into_file(
    paths: &[PathBuf],
    keys: &TrustedKeys,
    output: &Path,
    progress: &dyn Progress,
) -> Result<Page, Error> {
    let source = open::seekable(paths, keys)?;
    let Destination::File(place) = Destination::resolve(output)? else {
        return Err(Error::Usage(format!(
            "--output {}: this is a pipe or a device; name a file",
            output.display()
        )));
    };
    let mut growing = Growing::open(place, b"")?;
    let shown = growing.path();
    let failed = |source: io::Error| Error::from(output::Error::of(&shown, source));
    let length = source.length().map_err(failed)?;
    growing.place().check_length(length)?;
    let file = growing.file();
    file.set_len(0)
        .and_then(|()| file.rewind())
        .map_err(failed)?;
    let mut reader = ReadFrom::new(source, 0);
    // A piece that cannot be repaired is the bundle's fault, and says so itself.
    let copied = io::copy(&mut reader, file);
    copied.map_err(|error| schema::bundle::Error::from_io(error, output))?;
    file.rewind().map_err(failed)?;
    let copy = file.try_clone().map_err(failed)?;
    let verified = Opened::file(copy, output)?.verify(keys)?;
    let page = verify::whole(verified, &output.display().to_string(), progress)?;
    growing.commit(0o666)?;
    Ok(page)
}
