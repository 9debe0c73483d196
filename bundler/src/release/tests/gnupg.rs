/*! The same questions put to what GnuPG writes, where it is installed. */

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use fakes::needs::skip;
use jiff::Timestamp;

use super::{Outcome, forge::Made};
use crate::release::openpgp::{Keyring, SignatureError};

const BODY: &str = "{\"critical\":{}}\n";
const OPTIONS: [&str; 7] = [
    "--batch",
    "--yes",
    "--pinentry-mode",
    "loopback",
    "--passphrase",
    "",
    "--no-auto-check-trustdb",
];

/// A home of its own; its agent is stopped at the end.
struct Gpg(tempfile::TempDir);

impl Gpg {
    /// `None`, and a line on standard error, where there is no `gpg`.
    fn new() -> Made<Option<Self>> {
        if Command::new("gpg")
            .arg("--version")
            .stdout(Stdio::null())
            .status()
            .is_err()
        {
            skip(&"gpg is not installed (Debian: apt-get install gpg gpg-agent)")?;
            return Ok(None);
        }
        let gpg = Self(tempfile::tempdir()?);
        fs::write(gpg.file("body"), BODY)?;
        Ok(Some(gpg))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Made<Vec<u8>> {
        let mut command = Command::new("gpg");
        let command = command
            .arg("--homedir")
            .arg(self.0.path())
            .args(OPTIONS)
            .args(arguments);
        let output = command
            .current_dir(self.0.path())
            .stdin(Stdio::null())
            .output()?;
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("gpg {arguments:?}: {reason}").into());
        }
        Ok(output.stdout)
    }

    /// A primary key that signs; its fingerprint.
    fn generate(&self, name: &str, algorithm: &str, usage: &str, more: &[&str]) -> Made<String> {
        let expire = if more.is_empty() { "never" } else { "1d" };
        let generate = ["--quick-generate-key", name, algorithm, usage, expire];
        self.run(&[more, generate.as_slice()].concat())?;
        let listed = self.run(&["--with-colons", "--list-keys", name])?;
        let listed = String::from_utf8(listed)?;
        let line = listed.lines().find(|line| line.starts_with("fpr:"));
        let field = line.and_then(|line| line.split(':').nth(9));
        Ok(field.ok_or("no fingerprint")?.to_owned())
    }

    fn keyring(&self, key: &str, armor: bool) -> Made<Keyring> {
        let armor: &[&str] = if armor { &["--armor"] } else { &[] };
        let exported = self.run(&[armor, &["--export", key]].concat())?;
        Ok(Keyring::from_bytes(&exported)?)
    }

    fn sign(&self, key: &str, more: &[&str]) -> Made<Vec<u8>> {
        let sign = ["--local-user", key, "--output", "-", "--sign", "body"];
        self.run(&[more, sign.as_slice()].concat())
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        let mut command = Command::new("gpgconf");
        let command = command
            .arg("--homedir")
            .arg(self.0.path())
            .args(["--kill", "all"]);
        drop::<io::Result<_>>(command.status());
    }
}

fn signer(keyring: &Keyring, message: &[u8]) -> Result<String, SignatureError> {
    let signed = keyring.verify(message, Timestamp::now())?;
    let body = String::from_utf8_lossy(&signed.body).replace("\r\n", "\n");
    assert_eq!(body, BODY);
    Ok(signed.fingerprint)
}

#[test]
fn signatures_verify_whatever_the_algorithm_and_the_compression() -> Outcome {
    let Some(gpg) = Gpg::new()? else {
        return Ok(());
    };
    for algorithm in ["rsa2048", "ed25519", "nistp256"] {
        let key = gpg.generate(algorithm, algorithm, "sign", &[])?;
        for armor in [false, true] {
            let keyring = gpg.keyring(&key, armor)?;
            assert_eq!(keyring.fingerprints(), [key.as_str()]);
            for options in [
                [].as_slice(),
                &["-z", "0"],
                &["--compress-algo", "zlib"],
                &["--digest-algo", "SHA512"],
                &["--textmode"],
            ] {
                let message = gpg.sign(&key, options)?;
                let found = signer(&keyring, &message);
                assert_eq!(found.as_ref(), Ok(&key), "{algorithm} {options:?}");
            }
        }
    }
    let keyring = gpg.keyring("rsa2048", false)?;
    let found = signer(
        &keyring,
        &gpg.sign("rsa2048", &["--compress-algo", "bzip2"])?,
    );
    assert_eq!(found, Err(SignatureError::Bzip2));
    let found = signer(&keyring, &gpg.sign("rsa2048", &["--digest-algo", "SHA1"])?);
    assert_eq!(found, Err(SignatureError::Hash("SHA1".to_owned())));
    gpg.generate("weak", "rsa1024", "sign", &[])?;
    let found = signer(&gpg.keyring("weak", false)?, &gpg.sign("weak", &[])?);
    assert!(
        matches!(&found, Err(SignatureError::Unfit(_, reason)) if reason.contains("2048 bits")),
        "{found:?}"
    );
    let found = signer(&keyring, &gpg.sign("ed25519", &[])?);
    assert!(
        matches!(found, Err(SignatureError::Stranger(_))),
        "{found:?}"
    );
    Ok(())
}

#[test]
fn expired_keys_and_signing_subkeys_count_and_revoked_ones_do_not() -> Outcome {
    let Some(gpg) = Gpg::new()? else {
        return Ok(());
    };
    let past = ["--faked-system-time", "20200101T000000"];
    let expired = gpg.generate("expired", "rsa2048", "sign", &past)?;
    let message = gpg.sign(&expired, &past)?;
    let keyring = gpg.keyring(&expired, false)?;
    assert_eq!(signer(&keyring, &message).as_ref(), Ok(&expired));

    let primary = gpg.generate("primary", "rsa2048", "cert", &[])?;
    gpg.run(&["--quick-add-key", &primary, "ed25519", "sign", "never"])?;
    let message = gpg.sign(&primary, &[])?;
    assert_eq!(
        signer(&gpg.keyring(&primary, true)?, &message).as_ref(),
        Ok(&primary)
    );

    let both = [
        gpg.run(&["--export", &expired])?,
        gpg.run(&["--export", &primary])?,
    ]
    .concat();
    assert_eq!(
        signer(&Keyring::from_bytes(&both)?, &message).as_ref(),
        Ok(&primary)
    );

    let prepared = gpg.file("openpgp-revocs.d").join(format!("{primary}.rev"));
    revoke(&gpg, &prepared)?;
    let found = signer(&gpg.keyring(&primary, false)?, &message);
    assert!(
        matches!(found, Err(SignatureError::Unfit(_, "has been revoked"))),
        "{found:?}"
    );
    Ok(())
}

/// GnuPG prepares a revocation with each key, and puts a colon before it against accidents.
fn revoke(gpg: &Gpg, prepared: &Path) -> Outcome {
    let text = fs::read_to_string(prepared)?.replace(":-----BEGIN", "-----BEGIN");
    fs::write(gpg.file("revocation"), text)?;
    gpg.run(&["--import", "revocation"])?;
    Ok(())
}
