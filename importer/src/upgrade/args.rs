/*! Flags of `upgrade`. Those that lower safety begin with `allow`, which keeps them out of the environment. */

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::watch::Limits;
use crate::{
    Error,
    args::{Format, TargetArgs},
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
    /// As given to the import; repeatable
    #[arg(long = "map", value_name = "FROM=TO")]
    pub map: Vec<String>,
    /// As given to the import
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    pub max_nested_paths: Option<u8>,
    /// As given to the import
    #[arg(long, value_name = "REGISTRY/REPOSITORY[:TAG]")]
    pub to_release_image: Option<String>,
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
    #[arg(long, value_name = "DURATION", default_value = "6h", value_parser = duration, requires = "wait")]
    pub timeout: Duration,
    /// How the report is shown
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

impl UpgradeArgs {
    /// How long to wait for what; none without `--wait`.
    pub fn limits(&self) -> Option<Limits> {
        self.wait.then(|| Limits {
            timeout: Some(self.timeout),
            ..Limits::default()
        })
    }

    /// Where the import has put the release.
    pub(super) fn target(&self) -> Result<TargetArgs, Error> {
        let to = self.to.clone().ok_or_else(|| {
            Error::Usage(
                "--to is missing: the registry that the bundle was imported into".to_owned(),
            )
        })?;
        Ok(TargetArgs {
            to,
            map: self.map.clone(),
            max_nested_paths: self.max_nested_paths,
            keep_tags: false,
            to_release_image: self.to_release_image.clone(),
        })
    }
}

/// `90s`, `30m`, `6h`.
fn duration(text: &str) -> Result<Duration, String> {
    let expected = || {
        format!("{text:?} is not a duration; expected a number and s, m or h, as in 90s, 30m, 6h")
    };
    let split = text
        .find(|c: char| !c.is_ascii_digit())
        .ok_or_else(expected)?;
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(expected()),
    };
    let number: u32 = number.parse().map_err(|_| expected())?;
    Ok(Duration::from_secs(u64::from(number) * seconds))
}
