/*! What an import did, or would do: the push, and what clusters are to be told. */

use std::path::{Path, PathBuf};

use cli::{Exit, shell};
use schema::{
    bundle::Index,
    text::{Page, counted},
};
use serde::Serialize;
use serde_json::Value;

use crate::{
    Error,
    apply::command::{CommandOutput, Details},
    args::Format,
    configuration::{Configuration, Rendered},
    push::Report,
    report,
};

/// The account of an import.
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
    /// For `install-config.yaml` of new clusters, YAML.
    pub install_config: Option<String>,
    /// What became of the clusters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clusters: Option<Details>,
    #[serde(skip)]
    documents: Vec<Rendered>,
    /// What is to be said of the clusters.
    #[serde(skip)]
    said: Option<Result<CommandOutput, Error>>,
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
        mut push: Report,
        index: &Index,
        configuration: Configuration,
        place: Option<&Path>,
        written: Written,
        applied: bool,
    ) -> Self {
        let config_files = configuration.paths().map(str::to_owned).collect();
        let applicable = configuration.has_objects();
        if let Some(place) =
            place.filter(|_| applicable && !applied && written != Written::Withheld)
        {
            let program = if index.releases.is_empty() {
                "kubectl"
            } else {
                "oc"
            };
            push.next_commands.insert(0, shell::apply(program, place));
        }
        push.warnings.extend(configuration.warnings);
        if place.is_none() && !applied && !index.objects.is_empty() {
            push.warnings.push(format!(
                "the bundle's manifests ({}) are neither written down nor applied; --config-to-dir DIR does the one, --apply-config the other",
                counted(index.objects.len(), "Kubernetes object")
            ));
        }
        let values =
            |objects: &[Rendered]| objects.iter().map(|made| made.object.clone()).collect();
        Self {
            push,
            config_directory: place.map(Path::to_owned),
            config_written: written,
            config_files,
            mirror_configuration: values(&configuration.mirror),
            update_service: configuration
                .update_service
                .as_ref()
                .map(|made| made.object.clone()),
            install_config: configuration.install_config,
            clusters: None,
            said: None,
            documents: configuration
                .mirror
                .into_iter()
                .chain(configuration.update_service)
                .collect(),
        }
    }

    /// The text for standard output.
    pub fn shown(&self, format: Format) -> Result<Page, Error> {
        match format {
            Format::Json => report::json(self),
            Format::Table => {
                let said = self.said.as_ref().and_then(|said| said.as_ref().ok());
                let mut text = self.push.summary();
                text.append(&self.configuration());
                text.append(&self.push.ending());
                if let Some(clusters) = said.map(|said| &said.text).filter(|text| !text.is_empty())
                {
                    text.gap();
                    text.append(clusters);
                }
                Ok(text)
            }
        }
    }

    /// Adds what was done to clusters, or why nothing could be: what was pushed is told in any case.
    pub fn with_clusters(mut self, mut said: Result<CommandOutput, Error>) -> Self {
        self.clusters = said.as_mut().ok().and_then(|said| said.details.take());
        self.said = Some(said);
        self
    }

    /// With which code the program ends; an error if anything failed on the way to the registry, or before clusters.
    pub fn verdict(self) -> Result<Exit, Error> {
        self.push.verdict()?;
        Ok(self.said.transpose()?.map_or(Exit::Done, |said| said.exit))
    }

    fn configuration(&self) -> Page {
        let mut text = Page::new();
        if let Some(directory) = &self.config_directory {
            let place = directory.display();
            text.gap();
            match self.config_written {
                Written::Done | Written::NotAsked => text.line(format_args!("Written to {place}:")),
                Written::DryRun => text.line(format_args!("Would write to {place}:")),
                Written::Withheld => text.line(format_args!(
                    "Not written to {place}, since not everything could be pushed:"
                )),
            }
            for path in &self.config_files {
                text.line(format_args!("  {path}"));
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
