/*!
Which flags a variable may set. One that lowers safety is asked for by name or not at all: a variable set long ago in some
profile is not asking. A new switch fails a test here until somebody has decided what it is.
*/

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use bundler::cli::Bundler;
use clap::{Arg, Command, CommandFactory as _};
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
        commands.extend(command.get_subcommands().map(Command::clone));
    }
    found
}

/// Whether a flag may stand alone, without a value.
fn is_switch(arg: &Arg) -> bool {
    let bare = arg
        .get_num_args()
        .is_some_and(|count| count.min_values() == 0);
    bare || !arg.get_action().takes_values()
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
        "skip-missing",
        "skip-referrers",
        "unverified",
    ];
    assert_eq!(without(), names(&expected));
}

#[test]
fn every_switch_with_a_variable_is_known_to_be_harmless() {
    let harmless = |arg: &Arg| is_switch(arg) && arg.get_env().is_some();
    let bundler = [
        "dry-run",
        "no-payload-stores",
        "no-progress",
        "require-referrers",
        "sparse-index",
        "verbose",
    ];
    assert_eq!(flags::<Bundler>(harmless), names(&bundler));
    let importer = [
        "all-or-nothing",
        "diff",
        "dry-run",
        "keep-tags",
        "mirror-tags",
        "no-progress",
        "verbose",
        "wait",
    ];
    assert_eq!(flags::<Importer>(harmless), names(&importer));
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
