/*! `bundler keygen`: a key pair in the files that `openssl` writes and reads. */

use std::{
    env,
    path::{Path, PathBuf},
};

use schema::{
    bundle::{KeyError, SigningKey, read_secret_file},
    output::Fresh,
    text::Page,
};
use zeroize::Zeroizing;

use crate::{Error, args::KeygenArgs};

/// Writes both files or none, neither over an existing one, and reports what was done.
pub(crate) fn run(args: &KeygenArgs) -> Result<Page, Error> {
    let of_key = in_file(&args.out);
    let passphrase = passphrase(args.passphrase_file.as_deref())?;
    let key = SigningKey::generate().map_err(&of_key)?;
    let public_path = public_path(&args.out);
    let passphrase = passphrase.as_ref().map(|text| text.as_str());
    let private_text = key.to_pem(passphrase).map_err(&of_key)?;
    let public_text = key.public().to_pem().map_err(&of_key)?;
    let id = key.public().id().map_err(&of_key)?;
    if args.out.as_os_str() == "-" {
        let text = "keygen writes two files, so it does not write to standard output; name a file with --out";
        return Err(Error::Usage(text.to_owned()));
    }
    // Both names are taken before either file holds anything; until both are kept, an error takes both away.
    let mut private = Fresh::create(&args.out, 0o600)?;
    let mut public = Fresh::create(&public_path, 0o644)?;
    private.fill(private_text.as_bytes())?;
    public.fill(public_text.as_bytes())?;
    private.keep();
    public.keep();
    let (private, public) = (args.out.display(), public_path.display());
    let mut page = Page::new();
    page.line(format_args!(
        "Private key  {private}  (keep it here; mode 0600)"
    ));
    page.line(format_args!(
        "Public key   {public}  (give it to those who import)"
    ));
    page.line(format_args!("Key id       {id}"));
    Ok(page)
}

/// Reads a signing key; asks for the passphrase only where it is encrypted.
pub(crate) fn load(path: &Path, passphrase_file: Option<&Path>) -> Result<SigningKey, Error> {
    let text = read_secret_file(path).map_err(in_file(path))?;
    let passphrase = passphrase(passphrase_file)?;
    SigningKey::from_pem(&text, || passphrase).map_err(in_file(path))
}

/// The first line of the file, else `$BUNDLER_KEY_PASSPHRASE`, else none. Never from the command line, which others see.
fn passphrase(file: Option<&Path>) -> Result<Option<Zeroizing<String>>, Error> {
    let Some(path) = file else {
        let text = env::var("BUNDLER_KEY_PASSPHRASE").ok().map(Zeroizing::new);
        return Ok(text.filter(|text| !text.is_empty()));
    };
    let text = read_secret_file(path).map_err(in_file(path))?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Some(Zeroizing::new(line.to_owned()))),
        _ => Err(Error::Usage(format!(
            "{}: its first line, the passphrase, is empty",
            path.display()
        ))),
    }
}

fn in_file(path: &Path) -> impl Fn(KeyError) -> Error {
    |source| Error::Key {
        path: path.to_owned(),
        source,
    }
}

/// `KEY.pem` → `KEY.pub.pem`.
fn public_path(private: &Path) -> PathBuf {
    let stem = private.file_stem().unwrap_or_default().to_string_lossy();
    private.with_file_name(format!("{stem}.pub.pem"))
}
