/*! Flags of `upgrade`. Those that lower safety begin with `allow`, which keeps them out of the environment. */

use std::{path::PathBuf, slice, time::Duration};

use clap::Args;
use cli::Format;
use schema::Digest;

use super::{
    FleetUpgrade,
    limits::Limits,
    request::{self, PinnedImage, UpgradeRequest},
};
use crate::{
    Error,
    args::NameArgs,
    open,
    prove_pull::{args::ProofArgs, images},
    rollout::args::{ClusterArgs, RolloutArgs, duration},
    target::Target,
};

/// Flags of `upgrade`, without those that name clusters.
#[derive(Debug, Args)]
pub struct UpgradeArgs {
    /// The bundle whose release is rolled out, once it was imported
    #[arg(value_name = "BUNDLE", requires_all = ["keys", "to"], conflicts_with = "to_image")]
    pub bundle: Option<PathBuf>,
    /// A public key of the producer, PEM; repeatable, any of them suffices
    #[arg(long = "key", short = 'k', value_name = "PUB.pem")]
    pub keys: Vec<PathBuf>,
    /// The registry that the bundle was imported into, with the same prefix
    #[arg(long, value_name = "REGISTRY[/PREFIX]")]
    pub to: Option<String>,
    #[command(flatten)]
    pub(crate) names: NameArgs,
    /// Which release, if the bundle holds several: its version, or its tag
    #[arg(long, value_name = "VERSION")]
    pub release: Option<String>,
    /// The release image by digest, instead of a bundle
    #[arg(long, value_name = "REGISTRY/REPOSITORY@sha256:DIGEST")]
    pub to_image: Option<String>,
    /// Start even where a cluster is failing, invalid, or being upgraded already
    #[arg(long)]
    pub allow_upgrade_with_warnings: bool,
    /// Start even where a cluster knows why this release is not recommended for it
    #[arg(long)]
    pub allow_not_recommended: bool,
    /// Make clusters skip the verification of the release and all preconditions; dangerous, and only for test clusters
    #[arg(long)]
    pub allow_force: bool,
    /// Show what each cluster would be asked, and start nothing
    #[arg(long, conflicts_with = "wait")]
    pub dry_run: bool,
    /// Watch each upgrade until the cluster and its nodes are done
    #[arg(long)]
    pub wait: bool,
    /// The most time one cluster may take, with --wait; its upgrade goes on after it
    #[arg(long, value_name = "DURATION", default_value = "6h", value_parser = duration)]
    pub timeout: Duration,
    #[command(flatten)]
    pub(crate) proof: ProofArgs,
    /// How the report is shown
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

/// A release, as far as it is known.
struct Asked {
    image: PinnedImage,
    version: Option<String>,
    /// The source of one of its components.
    component: Option<String>,
    /// The id of the bundle that it is in.
    bundle: Option<Digest>,
}

impl UpgradeArgs {
    /// How long to wait for what; none without `--wait`.
    pub fn limits(&self) -> Option<Limits> {
        self.wait.then(|| Limits {
            timeout: Some(self.timeout),
            ..Limits::default()
        })
    }

    /// What all flags ask for together; the bundle is read if the image is to come from one.
    pub fn request(
        &self,
        clusters: &ClusterArgs,
        rollout: &RolloutArgs,
    ) -> Result<FleetUpgrade, Error> {
        let Asked {
            image,
            version,
            component,
            bundle,
        } = self.asked()?;
        let (fleet, proof) = (clusters.fleet(true)?, self.proof.proof());
        let inputs = self.keys.iter().chain(&self.bundle);
        Ok(FleetUpgrade {
            proof: proof.map(|proof| proof.of_release(image.to_string(), component)),
            request: UpgradeRequest {
                image,
                version,
                allow_upgrade_with_warnings: self.allow_upgrade_with_warnings,
                allow_not_recommended: self.allow_not_recommended,
                force: self.allow_force,
                dry_run: self.dry_run,
            },
            bundle,
            wait: self.limits(),
            rollout: rollout.options(clusters, fleet),
            request_timeout: clusters.request_timeout,
            look_timeout: clusters.cluster_timeout,
            format: self.format,
            inputs: inputs.chain(clusters.inputs()).cloned().collect(),
        })
    }

    /// What is asked for: by its image, or by a bundle.
    fn asked(&self) -> Result<Asked, Error> {
        match (&self.to_image, &self.bundle) {
            (Some(image), _) => {
                let image = image.parse::<PinnedImage>();
                let image = image.map_err(|error| Error::Usage(format!("--to-image {error}")))?;
                Ok(Asked {
                    image,
                    version: None,
                    component: None,
                    bundle: None,
                })
            }
            (None, Some(bundle)) => {
                let target = self.target()?;
                let verified = open::verified(slice::from_ref(bundle), &open::keys(&self.keys)?)?;
                let index = verified.index();
                let (image, version) = request::of_bundle(index, &target, self.release.as_deref())?;
                let mut releases = index.releases.iter();
                let release = releases.find(|release| release.digest == image.digest());
                let component = release.and_then(|release| images::component(index, release));
                Ok(Asked {
                    image,
                    version,
                    component,
                    bundle: Some(verified.id()),
                })
            }
            (None, None) => Err(Error::Usage(
                "nothing says what to upgrade to; name a BUNDLE with --key and --to, or an image with --to-image".to_owned(),
            )),
        }
    }

    /// Where the import has put the release.
    fn target(&self) -> Result<Target, Error> {
        let to = self.to.as_deref().ok_or_else(|| {
            Error::Usage(
                "--to is missing: the registry that the bundle was imported into".to_owned(),
            )
        })?;
        Target::named_by(to, &self.names)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Tool {
        #[command(flatten)]
        upgrade: UpgradeArgs,
    }

    #[test]
    fn a_bundle_comes_with_its_key_and_its_registry_or_an_image_stands_alone() {
        let image = "r:5000/a@sha256:00";
        for (typed, taken) in [
            (vec!["b.tar", "--key", "k", "--to", "r"], true),
            (vec!["b.tar", "--key", "k"], false),
            (vec!["b.tar", "--to", "r"], false),
            (vec!["--to-image", image], true),
            (
                vec!["b.tar", "--key", "k", "--to", "r", "--to-image", image],
                false,
            ),
            (vec!["--to-image", image, "--wait", "--dry-run"], false),
            (
                vec!["--to-image", image, "--wait", "--timeout", "90"],
                false,
            ),
        ] {
            let parsed = Tool::try_parse_from(["upgrade"].into_iter().chain(typed.clone()));
            assert_eq!(parsed.is_ok(), taken, "{typed:?}: {parsed:?}");
        }
    }

    #[test]
    fn there_is_a_limit_only_where_there_is_a_wait() -> Result<(), clap::Error> {
        let limits = |typed: &[&str]| {
            let typed = ["upgrade", "--to-image", "x"].iter().chain(typed);
            Tool::try_parse_from(typed).map(|tool| tool.upgrade.limits())
        };
        let timeout = |limits: Option<Limits>| limits.and_then(|limits| limits.timeout);
        assert_eq!(limits(&[])?, None);
        let default = timeout(limits(&["--wait"])?);
        assert_eq!(default, Some(Duration::from_secs(6 * 3600)));
        Ok(())
    }
}
