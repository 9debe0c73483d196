/*!
`apply`, and the second half of `import --apply-config`: from flags and manifests to a report on every cluster.

```text
request → PreparedApply::new → list, render, or roll out
```
*/

mod job;

use std::{collections::BTreeMap, path::Path};

use cli::{Exit, Format, StatusTable};
use schema::{
    bundle::{Index, Verified},
    text::{Align, Page, Table, counted},
};
use serde::Serialize;
use serde_json::{Value, json};

pub use job::{Brought, Job};

use super::{
    ApplyOptions, ApplyReport,
    args::ApplyArgs,
    manifests::{
        Manifest, Manifests, Selection,
        collect::{Collected, Config},
    },
    outcome::{Action, Applied, ObjectOutcome},
    render,
    request::{ApplyRequest, Mode},
};
use crate::{
    Error,
    backup::BackupDirectory,
    configuration::{Configuration, Share, trust::TrustPack},
    inventory::{Inventory, InventoryOptions},
    options::MirrorConfig,
    prove_pull::Proof,
    report,
    rollout::{Approval, Rollout},
    target::Target,
};

/// What a command prints, and the exit code.
#[derive(Debug)]
pub struct CommandOutput {
    /// For standard output.
    pub text: Page,
    /// The same for programs, where it is part of a larger report.
    pub details: Option<Details>,
    /// With which code the program ends.
    pub exit: Exit,
}

/// What came of an apply, or would.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Details {
    /// Clusters were asked.
    Report(ApplyReport),
    /// None was: a list of objects, or of what was written.
    List(Value),
}

/// `importer apply`.
pub async fn apply(
    bundle: Verified,
    args: &ApplyArgs,
    status: StatusTable,
) -> Result<CommandOutput, Error> {
    let index = bundle.index().clone();
    let rendered = rendered(&index, args)?;
    let prepared = PreparedApply::new(args.request()?)?;
    let brought = Brought {
        index: &index,
        bundle: bundle.id(),
        collected: Collected::of(bundle)?,
        rendered: &rendered,
    };
    prepared.run(brought, args.format, status).await
}

/// What flags and a bundle make for clusters, if they name a registry.
pub fn rendered(
    index: &Index,
    args: &ApplyArgs,
) -> Result<Vec<(MirrorConfig, Configuration)>, Error> {
    let Some(to) = &args.to else {
        return Ok(Vec::new());
    };
    let target = Target::named_by(to, &args.names)?;
    let trust = args.trust.pack()?;
    let (kind, tags) = (args.mirror_config, args.mirror_tags);
    let wanted = Configuration::new(index, &target, kind, tags, &trust)?;
    with_fallback(index, &target, kind, wanted, &trust)
}

/// The configuration in the wanted form, first, and in the one for clusters that do not take that.
pub fn with_fallback(
    index: &Index,
    target: &Target,
    kind: MirrorConfig,
    wanted: Configuration,
    trust: &TrustPack,
) -> Result<Vec<(MirrorConfig, Configuration)>, Error> {
    let other = match kind {
        MirrorConfig::Idms => Some(MirrorConfig::Icsp),
        MirrorConfig::Icsp => Some(MirrorConfig::Idms),
        MirrorConfig::None => None,
    };
    let mut forms = vec![(kind, wanted)];
    if let Some(other) = other {
        let configuration = Configuration::new(index, target, other, false, trust)?;
        forms.push((other, configuration));
    }
    Ok(forms)
}

/// Everything that can be wrong with flags and files about clusters has been found out.
#[derive(Debug)]
pub struct PreparedApply {
    rollout: Rollout,
    selection: Selection,
    options: ApplyOptions,
    backup: Option<BackupDirectory>,
    inventory: Option<InventoryOptions>,
    proof: Option<Proof>,
    mode: Mode,
}

impl PreparedApply {
    /// Reads the files that the request names, before anything is pushed or applied.
    pub fn new(request: ApplyRequest) -> Result<Self, Error> {
        let mut rollout = request.rollout;
        if request.mode != Mode::Apply && rollout.report.take().is_some() {
            tracing::warn!("--report: no cluster is asked, so no report is written");
        }
        let dry_run = request.options.dry_run || request.mode == Mode::List;
        if let Some(inventory) = request.inventory.as_ref().filter(|one| one.prune)
            && !dry_run
        {
            Approval::to_remove(inventory.auto_prune)?;
        }
        Ok(Self {
            rollout: Rollout::prepare::<Applied>(rollout, dry_run, &request.inputs)?,
            selection: request.selection,
            options: request.options,
            backup: request.backup.map(BackupDirectory::new).transpose()?,
            inventory: request.inventory,
            proof: request.proof,
            mode: request.mode,
        })
    }

    /// Does it with what a bundle brings.
    pub async fn run(
        &self,
        brought: Brought<'_>,
        format: Format,
        status: StatusTable,
    ) -> Result<CommandOutput, Error> {
        match &self.mode {
            Mode::List => {
                let config = brought.collected.into_config();
                let manifests = self.manifests(&config, brought.rendered, &self.selection)?;
                self.list(manifests.all(), format)
            }
            Mode::Render(directory) => {
                let config = brought.collected.into_config();
                // Which files stay whole is decided there.
                let all = Selection::default();
                let manifests = self.manifests(&config, brought.rendered, &all)?;
                let manifests = without_credentials(manifests.all());
                let count = render::render(
                    directory,
                    &self.rollout.fleet,
                    &with_rendered(config, brought.rendered),
                    &manifests,
                    &self.selection,
                )?;
                self.rendered(directory, count, format)
            }
            Mode::Apply => {
                let finished = self.job(brought)?.run(status).await;
                Ok(CommandOutput {
                    text: finished.shown(format)?,
                    exit: finished.exit,
                    details: Some(Details::Report(finished.report)),
                })
            }
        }
    }

    /// What is to be done with what a bundle brings.
    pub fn job<'j>(&'j self, brought: Brought<'j>) -> Result<Job<'j>, Error> {
        let Brought {
            index,
            bundle,
            collected,
            rendered,
        } = brought;
        let config = collected.into_config();
        let inventory = self.inventory.as_ref();
        let proof = self.proof.clone();
        let proof = proof.map(|proof| proof.of_bundle(index)).transpose()?;
        Ok(Job {
            manifests: self.manifests(&config, rendered, &self.selection)?,
            backup: self.backup.as_ref().map(|backup| backup.of(bundle)),
            inventory: inventory.map(|options| Inventory {
                options: options.clone(),
                whole: self.selection.is_everything(),
                renders: !rendered.is_empty(),
                approved: Default::default(),
            }),
            // A dry run changes nothing that could be put to the proof.
            proof: proof.filter(|_| !self.options.dry_run),
            rollout: &self.rollout,
            options: &self.options,
            releases: &index.releases,
            bundle,
        })
    }

    /// The objects, once it is known that there are any.
    fn manifests(
        &self,
        config: &Config,
        rendered: &[(MirrorConfig, Configuration)],
        selection: &Selection,
    ) -> Result<Manifests, Error> {
        let mut manifests = Manifests::new(&config.manifests, rendered, selection)?;
        if let Some(options) = &self.inventory {
            manifests = manifests.labelled(&options.series);
        }
        self.check(manifests.all())?;
        Ok(manifests)
    }

    /// Whether there is anything to do, and what of the overlays does nothing.
    fn check(&self, manifests: &[Manifest]) -> Result<(), Error> {
        if !manifests
            .iter()
            .any(|manifest| self.selection.keeps(manifest))
        {
            let text = match self.selection.is_everything() {
                true => "the bundle holds nothing to apply",
                false => {
                    "--only and --exclude leave nothing to apply; `importer inspect` lists the objects"
                }
            };
            return Err(Error::Usage(text.to_owned()));
        }
        for warning in self.rollout.fleet.overlays.idle(manifests) {
            tracing::warn!("{warning}");
        }
        Ok(())
    }

    fn rendered(
        &self,
        directory: &Path,
        files: usize,
        format: Format,
    ) -> Result<CommandOutput, Error> {
        let clusters = self.rollout.fleet.clusters.len();
        let mut text = Page::new();
        text.line(format_args!(
            "Wrote {} for {} to {}",
            counted(files, "file"),
            counted(clusters, "cluster"),
            directory.display()
        ));
        let list = json!({"render_to_dir": directory, "clusters": clusters, "files": files});
        listed(list, text, format)
    }

    /// What a bare `--dry-run` shows: every object in the order in which it would be applied.
    fn list(&self, manifests: &[Manifest], format: Format) -> Result<CommandOutput, Error> {
        let members = self.rollout.fleet.members();
        let clusters: Vec<&str> = members.map(|cluster| cluster.name.as_str()).collect();
        let would_be = manifests
            .iter()
            .map(|manifest| ObjectOutcome::of(manifest, Action::Skipped, None));
        let list = json!({
            "dry_run": "client",
            "clusters": clusters,
            "objects": would_be.collect::<Vec<_>>(),
        });
        let columns = ["FILE", "KIND", "NAMESPACE", "NAME"];
        let mut table = Table::new(columns.map(|heading| (heading, Align::Left)));
        for manifest in manifests {
            let namespace = manifest.namespace.as_deref().unwrap_or("-");
            table.row([
                manifest.path.as_str(),
                &manifest.kind,
                namespace,
                &manifest.name,
            ]);
        }
        let to = match clusters.as_slice() {
            [] => "clusters (none is named)".to_owned(),
            names => names.join(", "),
        };
        let objects = counted(manifests.len(), "object");
        let mut text = Page::new();
        text.table(&table);
        text.gap();
        text.line(format_args!(
            "Would apply {objects} to {to}; no cluster was asked"
        ));
        listed(list, text, format)
    }
}

fn listed(list: Value, text: Page, format: Format) -> Result<CommandOutput, Error> {
    Ok(CommandOutput {
        text: match format {
            Format::Json => report::json(&list)?,
            Format::Table => text,
        },
        details: Some(Details::List(list)),
        exit: Exit::Done,
    })
}

/// What can be written down: what is merged into what a cluster holds cannot.
fn without_credentials(manifests: &[Manifest]) -> Vec<Manifest> {
    let manifests = manifests.iter();
    let written = manifests.filter(|manifest| !matches!(manifest.share, Share::Credentials(_)));
    written.cloned().collect()
}

/// The files of a bundle, with those that were rendered in the wanted form.
fn with_rendered(
    config: Config,
    rendered: &[(MirrorConfig, Configuration)],
) -> BTreeMap<String, Vec<u8>> {
    let mut files = config.files;
    if let Some((_, wanted)) = rendered.first() {
        let made = wanted.manifests();
        files.extend(made.map(|made| (made.path.clone(), made.text.clone().into_bytes())));
    }
    files
}
