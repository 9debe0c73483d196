/*!
What every module needs: a desk with a key pair on it, and the programs as they are called there.
*/

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use schema::bundle::SigningKey;
use tempfile::TempDir;
use tests::process::Program;

/// A directory with a key pair, and room for what a test makes.
#[derive(Debug)]
pub struct Desk(TempDir);

impl Desk {
    /// With a fresh key pair.
    pub fn new() -> Result<Self> {
        Self::with(&SigningKey::generate()?)
    }

    /// With the given key.
    pub fn with(key: &SigningKey) -> Result<Self> {
        let desk = Self(tempfile::tempdir()?);
        fs::write(desk.key(), key.to_pem(None)?)?;
        fs::set_permissions(desk.key(), fs::Permissions::from_mode(0o600))?;
        fs::write(desk.public(), key.public().to_pem()?)?;
        Ok(desk)
    }

    /// A place on it.
    pub fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The private key.
    pub fn key(&self) -> PathBuf {
        self.at("key.pem")
    }

    /// The public key.
    pub fn public(&self) -> PathBuf {
        self.at("key.pub.pem")
    }

    /// A manifest of one object, for `--config`.
    pub fn config_map(&self, name: &str) -> Result<PathBuf> {
        let path = self.at(&format!("{name}.yaml"));
        fs::write(
            &path,
            format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata: {{}}\n"),
        )?;
        Ok(path)
    }

    /// `bundler build` with the key, over plain HTTP, on a fixed day.
    pub fn build(&self) -> Result<Program> {
        let program = Program::bundler()?
            .args(["build", "--plain-http", "--signing-key"])
            .args([self.key()]);
        Ok(program.env("SOURCE_DATE_EPOCH", "1700000000"))
    }

    /// `importer VERB BUNDLE` with the public key.
    pub fn import(&self, verb: &str, bundle: &Path) -> Result<Program> {
        let program = Program::importer()?.args([verb.as_ref(), bundle, "--key".as_ref()]);
        Ok(program.args([self.public()]))
    }

    /// `importer push BUNDLE` into a registry without TLS.
    pub fn push(&self, bundle: &Path, to: &str) -> Result<Program> {
        let push = self.import("push", bundle)?;
        Ok(push.args(["--plain-http", "--to", to]))
    }

    /// The same, run, and its report.
    pub fn pushed(&self, bundle: &Path, to: &str, flags: &[&str]) -> Result<serde_json::Value> {
        let push = self
            .push(bundle, to)?
            .args(["--format", "json"])
            .args(flags);
        let output = push.run()?.expect_code(0)?;
        serde_json::from_slice(&output.stdout).context("the report is not JSON")
    }
}
