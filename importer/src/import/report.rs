/*! What an import did, or would do: the push, the configuration, and the clusters. */

use std::path::{Path, PathBuf};

use cli::{Exit, Format, shell};
use schema::{
    bundle::Index,
    text::{Page, counted},
};
use serde::Serialize;
use serde_json::Value;

use crate::{
    Error,
    apply::command::{CommandOutput, Details},
    configuration::{Configuration, Rendered},
    push::Report,
    report,
};

/// What became of an import.
#[derive(Debug, Serialize)]
pub struct ImportReport {
    /// What became of images and tags; its warnings and next commands are those of the whole import.
    #[serde(flatten)]
    pub push: Report,
    /// `--config-to-dir`.
    pub config_directory: Option<PathBuf>,
    /// Whether that directory is there now.
    pub config_written: Written,
    /// The files in it, or those it would have.
    pub config_files: Vec<String>,
    /// The mirror objects.
    pub mirror_configuration: Vec<Value>,
    /// The UpdateService.
    pub update_service: Option<Value>,
    /// Fields of the cluster's own objects that make it trust the registry.
    pub trust: Vec<Value>,
    /// For `install-config.yaml` of new clusters, YAML.
    pub install_config: Option<String>,
    /// What became of the clusters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clusters: Option<Details>,
    #[serde(skip)]
    documents: Vec<Rendered>,
    /// The same for people.
    #[serde(skip)]
    clusters_text: Page,
    /// How it ended on clusters; an error if nothing could be done there.
    #[serde(skip)]
    clusters_exit: Result<Exit, Error>,
}

/// What became of the configuration directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Written {
    /// It is there, whole.
    Done,
    /// It would be there.
    DryRun,
    /// None was asked for.
    NotAsked,
    /// It is not there, since something could not be pushed.
    Withheld,
}

impl ImportReport {
    /// Puts together what is known.
    pub fn new(
        pushed: Report,
        index: &Index,
        configuration: Configuration,
        path: Option<&Path>,
        written: Written,
        applied: bool,
    ) -> Self {
        let config_files = configuration.paths().map(str::to_owned).collect();
        let apply = path
            .filter(|_| configuration.has_objects() && !applied && written != Written::Withheld)
            .map(|path| shell::apply(program(index), path));
        let unused = path.is_none() && !applied && !index.objects.is_empty();
        let unused = unused.then(|| {
            format!(
                "the bundle's manifests ({}) are neither written down nor applied; --config-to-dir DIR does the one, --apply-config the other",
                counted(index.objects.len(), "Kubernetes object")
            )
        });
        let warnings = configuration.warnings.into_iter().chain(unused);
        let values =
            |objects: &[Rendered]| objects.iter().map(|made| made.object.clone()).collect();
        Self {
            push: pushed.followed_by(apply, warnings),
            config_directory: path.map(Path::to_owned),
            config_written: written,
            config_files,
            mirror_configuration: values(&configuration.mirror),
            update_service: configuration
                .update_service
                .as_ref()
                .map(|made| made.object.clone()),
            trust: values(&configuration.trust),
            install_config: configuration.install_config,
            clusters: None,
            clusters_text: Page::new(),
            clusters_exit: Ok(Exit::Done),
            documents: configuration
                .mirror
                .into_iter()
                .chain(configuration.update_service)
                .chain(configuration.trust)
                .collect(),
        }
    }

    /// The text for standard output.
    pub fn shown(&self, format: Format) -> Result<Page, Error> {
        match format {
            Format::Json => report::json(self),
            Format::Table => {
                let mut text = self.push.summary();
                text.append(&self.configuration());
                text.append(&self.push.ending());
                if !self.clusters_text.is_empty() {
                    text.gap();
                    text.append(&self.clusters_text);
                }
                Ok(text)
            }
        }
    }

    /// Adds what was done to clusters, or why nothing could be: what was pushed is shown in any case.
    pub fn with_clusters(self, outcome: Result<CommandOutput, Error>) -> Self {
        match outcome {
            Ok(output) => Self {
                clusters: output.details,
                clusters_text: output.text,
                clusters_exit: Ok(output.exit),
                ..self
            },
            Err(error) => Self {
                clusters_exit: Err(error),
                ..self
            },
        }
    }

    /// With which code the program ends; an error if anything failed on the way to the registry, or before clusters.
    pub fn verdict(self) -> Result<Exit, Error> {
        self.push.verdict()?;
        self.clusters_exit
    }

    fn configuration(&self) -> Page {
        let mut text = Page::new();
        if let Some(directory) = &self.config_directory {
            let path = directory.display();
            text.gap();
            match self.config_written {
                Written::Done | Written::NotAsked => text.line(format_args!("Written to {path}:")),
                Written::DryRun => text.line(format_args!("Would write to {path}:")),
                Written::Withheld => text.line(format_args!(
                    "Not written to {path}, since not everything could be pushed:"
                )),
            }
            for file in &self.config_files {
                text.line(format_args!("  {file}"));
            }
        }
        if !self.documents.is_empty() {
            text.gap();
            text.line("For clusters, as YAML:");
            text.gap();
            for made in &self.documents {
                text.line("---");
                text.document(&made.text);
            }
        }
        if let Some(snippet) = &self.install_config {
            text.gap();
            text.line("For install-config.yaml of new clusters:");
            text.gap();
            text.document(snippet);
        }
        if !text.is_empty() && !self.push.warnings.is_empty() {
            text.gap();
        }
        text
    }
}

/// With which program the configuration is applied.
fn program(index: &Index) -> &'static str {
    if index.releases.is_empty() {
        "kubectl"
    } else {
        "oc"
    }
}
