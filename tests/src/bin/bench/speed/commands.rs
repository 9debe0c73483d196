/*! The programs that are measured, with their arguments: ours, and skopeo as it is favoured most and as scripts call it. */

use std::fs;

use anyhow::{Context, Result};
use tests::process::Program;

use super::{Bench, clear, tool};

impl Bench {
    /// All images from a host to `bundle.tar`, anew.
    pub fn build_with(&self, bundler: Program, host: &str) -> Result<Program> {
        let bundle = self.path("bundle.tar");
        clear(&bundle)?;
        let images = self
            .set
            .images
            .iter()
            .flat_map(|image| ["--image".to_owned(), image.reference(host)]);
        Ok(bundler
            .args(["build", "--plain-http", "--signing-key"])
            .args([self.path("key.pem")])
            .args(images)
            .args(["-o".into(), bundle]))
    }

    pub fn push_with(&self, importer: Program, host: &str) -> Program {
        let program = importer.args(["push", "--plain-http", "--to", host, "--key"]);
        program.args([self.path("key.pub.pem"), self.path("bundle.tar")])
    }

    pub(super) fn verify_args(&self, program: Program) -> Program {
        program
            .args(["verify", "--key"])
            .args([self.path("key.pub.pem"), self.path("bundle.tar")])
    }

    /// One process for the whole set, which is what favours skopeo most.
    pub fn sync_to_directory(&self, host: &str) -> Result<Program> {
        let mut yaml = format!("{host:?}:\n  tls-verify: false\n  images:\n");
        for image in &self.set.images {
            let tag = image.tag.as_ref().context("an image without a tag")?;
            yaml.push_str(&format!("    {}: [{:?}]\n", image.repository, tag.as_str()));
        }
        let list = self.path("skopeo.yaml");
        fs::write(&list, yaml)?;
        fs::create_dir_all(self.path("skopeo"))?;
        Ok(tool("skopeo")?
            .args([
                "--insecure-policy",
                "sync",
                "--src",
                "yaml",
                "--dest",
                "dir",
            ])
            .args([list, self.path("skopeo")]))
    }

    pub fn sync_to_registry(&self, host: &str) -> Result<Program> {
        Ok(tool("skopeo")?
            .args([
                "--insecure-policy",
                "sync",
                "--src",
                "dir",
                "--dest",
                "docker",
                "--dest-tls-verify=false",
            ])
            .args([self.path("skopeo").into_os_string(), host.into()]))
    }

    /// A process for each image, as scripts do it.
    pub(super) fn copy_to_registry(&self, host: &str) -> Result<Program> {
        let script = r#"for image in "$0"/*; do
            skopeo --insecure-policy copy --quiet --dest-tls-verify=false "dir:$image" "docker://$1/copied/${image##*/}" || exit 1
        done"#;
        Ok(tool("sh")?
            .args(["-c", script])
            .args([self.path("skopeo").into_os_string(), host.into()]))
    }
}
