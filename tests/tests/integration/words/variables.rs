/*!
Which flags a variable may set. One that lowers safety is asked for by name or not at all: a variable set long ago in some
profile is not asking. A new flag fails a test here until somebody has decided what it is.
*/

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use bundler::cli::Bundler;
use clap::Arg;
use cli::{Program, with_environment};
use importer::cli::Importer;

/// The long names of flags, each once.
type Flags = BTreeSet<String>;

/// A program's flags of which this is true, with their variables already given, in all subcommands.
fn flags<P: Program>(wanted: impl Fn(&Arg) -> bool) -> Flags {
    let mut found = Flags::new();
    let mut commands = vec![with_environment(P::command(), P::PREFIX)];
    while let Some(command) = commands.pop() {
        let wanted = command.get_arguments().filter(|arg| wanted(arg));
        found.extend(wanted.filter_map(|arg| arg.get_long().map(str::to_owned)));
        commands.extend(command.get_subcommands().cloned());
    }
    found
}

fn names(list: &[&str]) -> Flags {
    list.iter().map(|name| (*name).to_owned()).collect()
}

/// The flags of both programs without a variable.
fn without() -> Flags {
    let none = |arg: &Arg| arg.get_env().is_none();
    let all = flags::<Bundler>(none).into_iter();
    all.chain(flags::<Importer>(none)).collect()
}

#[test]
fn what_lowers_safety_has_no_variable_and_nothing_else_has_none() {
    let expected = [
        "acknowledge",
        "allow-force",
        "allow-foreign-host",
        "allow-incomplete-release",
        "allow-not-recommended",
        "allow-secrets",
        "allow-unverified-release",
        "allow-upgrade-with-warnings",
        "allow-upload-host",
        "apply-config",
        "auto-approve",
        "auto-prune",
        "backup-secrets",
        "delete-foundations",
        "insecure-skip-tls-verify",
        "overwrite",
        "plain-http",
        "prune",
        "recreate",
        "skip-missing",
        "skip-referrers",
        "unverified",
    ];
    assert_eq!(without(), names(&expected));
}

#[test]
fn every_flag_with_a_variable_is_known_to_be_harmless() {
    let with = |arg: &Arg| arg.get_env().is_some();
    let bundler = [
        "authfile",
        "ca-file",
        "cert-dir",
        "client-cert",
        "client-key",
        "concurrency",
        "config",
        "config-to-dir",
        "dry-run",
        "foreign-layers",
        "format",
        "from-dir",
        "graph-base-image",
        "graph-data",
        "image",
        "key",
        "log-format",
        "no-payload-stores",
        "no-progress",
        "out",
        "output",
        "passphrase-file",
        "platform",
        "recovery",
        "recovery-volumes",
        "registries-conf",
        "release",
        "release-key",
        "release-repository",
        "require-referrers",
        "retries",
        "signature-store",
        "signing-key",
        "sparse-index",
        "spec",
        "to-dir",
        "verbose",
        "volume-size",
    ];
    assert_eq!(flags::<Bundler>(with), names(&bundler));
    let importer = [
        "all-or-nothing",
        "authfile",
        "backup",
        "ca-file",
        "cert-dir",
        "client-cert",
        "client-key",
        "cluster-timeout",
        "clusters",
        "concurrency",
        "config-to-dir",
        "context",
        "diff",
        "dry-run",
        "exclude",
        "format",
        "health-timeout",
        "inventory-namespace",
        "keep-tags",
        "key",
        "kubeconfig",
        "log-format",
        "map",
        "max-nested-paths",
        "max-parallel",
        "merge-pull-secret",
        "mirror-config",
        "mirror-tags",
        "no-progress",
        "only",
        "output",
        "prove-image",
        "prove-namespace",
        "prove-pull",
        "prove-selector",
        "prove-timeout",
        "registries-conf",
        "registry-ca",
        "release",
        "render-to-dir",
        "report",
        "report-html",
        "request-timeout",
        "retries",
        "retry-failed",
        "series",
        "signature-store",
        "summary",
        "timeout",
        "to",
        "to-dir",
        "to-image",
        "to-release-image",
        "update-service",
        "verbose",
        "wait",
        "watch",
        "wave",
        "write-ids",
    ];
    assert_eq!(flags::<Importer>(with), names(&importer));
}

#[test]
fn the_readme_names_each_flag_without_a_variable() -> Result<()> {
    let readme = include_str!("../../../../README.md");
    let mut paragraphs = readme.split("\n\n");
    let paragraph = paragraphs.find(|text| text.starts_with("Every flag has a variable"));
    let quoted = paragraph.context("no such paragraph")?.split('`');
    let named: Vec<&str> = quoted.filter_map(|word| word.strip_prefix("--")).collect();
    // `--allow-…` stands for all that begin so.
    let covers = |name: &str, flag: &str| match name.strip_suffix('…') {
        Some(family) => flag.starts_with(family),
        None => flag == name,
    };
    let flags = without();
    for flag in &flags {
        assert!(
            named.iter().any(|name| covers(name, flag)),
            "--{flag} is not there"
        );
    }
    for name in named {
        assert!(
            flags.iter().any(|flag| covers(name, flag)),
            "--{name} has a variable"
        );
    }
    Ok(())
}
