/*!
A variable for every flag, without writing each down: new flags get theirs by being flags.

Flags that lower safety get none, because a variable set long ago in some profile is not asking for it by name: what accepts,
overwrites, deletes, discloses or leaves out more than without them. The integration test `words::variables` lists the flags of
both programs with and without a variable, so that each new one is decided on.
*/

use clap::{Arg, ArgAction, Command, builder::FalseyValueParser};

/// Gives each long option of the command and of its subcommands the variable `<PREFIX>_<OPTION>`, unless it lowers
/// safety or only shows help.
pub fn with_environment(command: Command, prefix: &str) -> Command {
    let with_arguments = command.mut_args(|arg| with_variable(arg, prefix));
    with_arguments.mut_subcommands(|subcommand| with_environment(subcommand, prefix))
}

fn with_variable(arg: Arg, prefix: &str) -> Arg {
    let Some(long) = arg.get_long().filter(|long| !lowers_safety(long)) else {
        return arg;
    };
    let action = arg.get_action().clone();
    if matches!(
        action,
        ArgAction::Help | ArgAction::HelpLong | ArgAction::HelpShort | ArgAction::Version
    ) {
        return arg;
    }
    let name = format!("{prefix}_{}", long.replace('-', "_")).to_ascii_uppercase();
    // clap holds on to the name for as long as the program runs; there are a few dozen of them.
    let name: &'static str = Box::leak(name.into_boxed_str());
    let arg = arg.env(name).hide_env_values(true);
    // A switch set to `0`, `false`, `no` or nothing is off.
    if matches!(action, ArgAction::SetTrue) {
        arg.value_parser(FalseyValueParser::new())
    } else {
        arg
    }
}

fn lowers_safety(long: &str) -> bool {
    let families = ["allow-", "auto-", "insecure-", "skip-"];
    let alone = [
        "acknowledge",
        "apply-config",
        "backup-secrets",
        "delete-foundations",
        "overwrite",
        "plain-http",
        "prune",
        "recreate",
        "unverified",
    ];
    alone.contains(&long) || families.iter().any(|family| long.starts_with(family))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::{CommonArgs, RegistryArgs};

    #[derive(Debug, Parser)]
    enum Tool {
        #[command(subcommand)]
        Nested(Nested),
    }

    #[derive(Debug, clap::Subcommand)]
    enum Nested {
        Build {
            #[command(flatten)]
            registry: RegistryArgs,
            #[command(flatten)]
            common: CommonArgs,
            #[arg(long)]
            allow_secrets: bool,
            #[arg(long)]
            apply_config: bool,
            #[arg(long)]
            auto_approve: bool,
            #[arg(long)]
            backup_secrets: bool,
            #[arg(long)]
            delete_foundations: bool,
            #[arg(long)]
            overwrite: bool,
            #[arg(long)]
            prune: bool,
            #[arg(long)]
            skip_missing: bool,
            #[arg(long)]
            unverified: bool,
            #[arg(short)]
            short: bool,
        },
    }

    #[test]
    fn every_flag_has_a_variable_except_those_that_lower_safety() {
        let command = with_environment(Tool::command(), "tool");
        let build = command
            .get_subcommands()
            .flat_map(Command::get_subcommands)
            .next();
        let mut named: Vec<_> = build
            .into_iter()
            .flat_map(Command::get_arguments)
            .filter_map(|arg| arg.get_env()?.to_str())
            .collect();
        named.sort_unstable();
        let expected = [
            "TOOL_AUTHFILE",
            "TOOL_CA_FILE",
            "TOOL_CERT_DIR",
            "TOOL_CLIENT_CERT",
            "TOOL_CLIENT_KEY",
            "TOOL_CONCURRENCY",
            "TOOL_LOG_FORMAT",
            "TOOL_NO_PROGRESS",
            "TOOL_REGISTRIES_CONF",
            "TOOL_RETRIES",
            "TOOL_VERBOSE",
        ];
        assert_eq!(named, expected);
        command.debug_assert();
    }
}
