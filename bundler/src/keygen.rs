/*! `bundler keygen`: a key pair in the files that `openssl` writes and reads. */

use std::{
    env, fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use schema::{
    bundle::{SigningKey, read_key_file},
    text::Page,
};

use crate::{Error, args::KeygenArgs};

/// Writes both files, neither over an existing one, and says what was done.
pub(crate) fn run(args: &KeygenArgs) -> Result<Page, Error> {
    let of_key = |source| Error::Key {
        path: args.out.clone(),
        source,
    };
    let passphrase = passphrase(args.passphrase_file.as_deref())?;
    let key = SigningKey::generate().map_err(of_key)?;
    let public_path = public_path(&args.out);
    create(
        &args.out,
        0o600,
        &key.to_pem(passphrase.as_deref()).map_err(of_key)?,
    )?;
    create(&public_path, 0o644, &key.public().to_pem().map_err(of_key)?)?;
    let (private, public) = (args.out.display(), public_path.display());
    let id = key.public().id().map_err(of_key)?;
    let mut said = Page::new();
    said.line(format_args!(
        "Private key  {private}  (keep it here; mode 0600)"
    ));
    said.line(format_args!(
        "Public key   {public}  (give it to those who import)"
    ));
    said.line(format_args!("Key id       {id}"));
    Ok(said)
}

/// Reads a signing key; asks for the passphrase only where it is encrypted.
pub(crate) fn load(path: &Path, passphrase_file: Option<&Path>) -> Result<SigningKey, Error> {
    let text = read_key_file(path).map_err(|source| Error::Key {
        path: path.to_owned(),
        source,
    })?;
    let passphrase = passphrase(passphrase_file)?;
    SigningKey::from_pem(&text, || passphrase).map_err(|source| Error::Key {
        path: path.to_owned(),
        source,
    })
}

/// The first line of the file, else `$BUNDLER_KEY_PASSPHRASE`, else none. Never from the command line, which others see.
fn passphrase(file: Option<&Path>) -> Result<Option<String>, Error> {
    let Some(path) = file else {
        return Ok(env::var("BUNDLER_KEY_PASSPHRASE")
            .ok()
            .filter(|text| !text.is_empty()));
    };
    let text = read_key_file(path).map_err(|source| Error::Key {
        path: path.to_owned(),
        source,
    })?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Some(line.to_owned())),
        _ => Err(Error::Usage(format!(
            "{}: its first line, the passphrase, is empty",
            path.display()
        ))),
    }
}

/// `KEY.pem` → `KEY.pub.pem`.
fn public_path(private: &Path) -> PathBuf {
    let stem = private.file_stem().unwrap_or_default().to_string_lossy();
    private.with_file_name(format!("{stem}.pub.pem"))
}

fn create(path: &Path, mode: u32, text: &str) -> Result<(), Error> {
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
    written.map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => Error::Usage(format!(
            "{}: it exists already and keys are not overwritten; name another file",
            path.display()
        )),
        _ => Error::Io {
            path: path.to_owned(),
            source,
        },
    })
}
