/*!
The flags that mean the same in both programs. Secrets are never among them: what stands in `argv` stands in `ps`.
*/

use std::path::PathBuf;

use clap::{ArgAction, Args};
use registry::{HostName, Hosts, Options};

use super::{Bars, LogFormat, StatusTable, logging};

/// How to reach registries.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Registry options")]
pub struct RegistryArgs {
    /// Credentials, as podman, docker or a pull secret hold them [default: where podman and docker look]
    #[arg(long, alias = "registry-config", value_name = "FILE")]
    pub authfile: Option<PathBuf>,

    /// Certificates to trust besides the system's, of authorities or of servers themselves, PEM
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,

    /// Certificates by registry: `DIR/HOST[:PORT]/{*.crt,*.cert,*.key}` [default: /etc/containers/certs.d]
    #[arg(long, value_name = "DIR")]
    pub cert_dir: Option<PathBuf>,

    /// Mirrors, insecure and blocked registries, short names, as podman and skopeo read them [default: where they look]
    #[arg(long, value_name = "FILE")]
    pub registries_conf: Option<PathBuf>,

    /// Client certificate to show to registries (never to hosts that they lead to), PEM
    #[arg(long, value_name = "FILE", requires = "client_key")]
    pub client_cert: Option<PathBuf>,

    /// Private key of the client certificate, PEM
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    pub client_key: Option<PathBuf>,

    /// Talk HTTP without TLS to that registry, or to all; anybody on the way can read credentials
    #[arg(long, value_name = "HOST[:PORT]", num_args = 0..=1, require_equals = true, default_missing_value = "*")]
    pub plain_http: Vec<HostName>,

    /// Accept any certificate of that registry, or of all; anybody on the way can read credentials
    #[arg(long, value_name = "HOST[:PORT]", num_args = 0..=1, require_equals = true, default_missing_value = "*")]
    pub insecure_skip_tls_verify: Vec<HostName>,

    /// Transfers at a time, 1 to 64
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = concurrency)]
    pub concurrency: usize,

    /// Attempts after a first one that failed for a passing reason
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub retries: u32,
}

impl RegistryArgs {
    /// The same as the registry client wants it.
    pub fn options(&self) -> Options {
        Options {
            authfile: self.authfile.clone(),
            ca_file: self.ca_file.clone(),
            cert_dir: self.cert_dir.clone(),
            client_cert: self.client_cert.clone(),
            client_key: self.client_key.clone(),
            registries_conf: self.registries_conf.clone(),
            plain_http: self.plain_http.iter().cloned().collect(),
            insecure_skip_tls_verify: self.insecure_skip_tls_verify.iter().cloned().collect(),
            allow_upload_host: Hosts::default(),
            concurrency: self.concurrency,
            retries: self.retries,
        }
    }
}

fn concurrency(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=64).contains(number));
    number.ok_or_else(|| "expected a number from 1 to 64".to_owned())
}

/// How to report.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output options")]
pub struct CommonArgs {
    /// Say more; twice for everything
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub verbose: u8,

    /// How log lines on stderr look
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value = "text",
        global = true
    )]
    pub log_format: LogFormat,

    /// Draw no progress bars, even on a terminal
    #[arg(long, global = true)]
    pub no_progress: bool,
}

impl CommonArgs {
    /// Progress bars on stderr: hidden if that is no terminal, if not wanted, or if it carries JSON.
    pub fn bars(&self) -> Bars {
        Bars::new(!self.no_progress && self.log_format == LogFormat::Text)
    }

    /// A live table on stderr, shown as [`Self::bars`] are.
    pub fn status(&self) -> StatusTable {
        StatusTable::new(!self.no_progress && self.log_format == LogFormat::Text)
    }

    /// Sends log lines to stderr from here on.
    pub(super) fn init_logging(&self) {
        logging::init(self.log_format, self.verbose);
    }
}

#[cfg(test)]
mod tests {
    use clap::{Parser, error::ErrorKind};

    use super::*;

    #[derive(Debug, Parser)]
    struct Tool {
        #[command(flatten)]
        registry: RegistryArgs,
        #[command(flatten)]
        common: CommonArgs,
    }

    fn options(flags: &[&str]) -> Result<Options, clap::Error> {
        let typed = ["tool"].iter().chain(flags);
        Tool::try_parse_from(typed).map(|tool| tool.registry.options())
    }

    /// Why these flags are refused.
    fn refused(flags: &[&str]) -> Option<ErrorKind> {
        options(flags).err().map(|error| error.kind())
    }

    #[test]
    fn defaults_are_safe() -> Result<(), clap::Error> {
        let options = options(&[])?;
        assert!(!options.plain_http.covers("a") && !options.insecure_skip_tls_verify.covers("a"));
        assert_eq!((options.concurrency, options.retries), (6, 5));
        Ok(())
    }

    #[test]
    fn what_lowers_safety_may_be_said_of_one_registry() -> Result<(), clap::Error> {
        let one = options(&[
            "--plain-http=a:5000",
            "--plain-http=b",
            "--insecure-skip-tls-verify=c",
        ])?;
        for (host, plain, insecure) in [
            ("a:5000", true, false),
            ("a", false, false),
            ("b:1", true, false),
            ("c", false, true),
        ] {
            assert_eq!(
                (
                    one.plain_http.covers(host),
                    one.insecure_skip_tls_verify.covers(host)
                ),
                (plain, insecure),
                "{host}"
            );
        }
        assert!(
            options(&["--plain-http", "--plain-http=a"])?
                .plain_http
                .covers("z")
        );
        // What follows after a blank belongs to somebody else.
        let kind = refused(&["--plain-http", "a:5000"]);
        assert_eq!(kind, Some(ErrorKind::UnknownArgument));
        assert_eq!(
            refused(&["--plain-http=a/b"]),
            Some(ErrorKind::ValueValidation)
        );
        Ok(())
    }

    #[test]
    fn flags_of_other_tools_are_understood_and_limits_kept() -> Result<(), clap::Error> {
        assert_eq!(
            options(&["--registry-config", "a.json"])?.authfile,
            Some("a.json".into())
        );
        for (wrong, kind) in [
            (["--concurrency", "0"], ErrorKind::ValueValidation),
            (["--concurrency", "65"], ErrorKind::ValueValidation),
            (
                ["--client-cert", "a.pem"],
                ErrorKind::MissingRequiredArgument,
            ),
            (["--password", "x"], ErrorKind::UnknownArgument),
        ] {
            assert_eq!(refused(&wrong), Some(kind), "{wrong:?}");
        }
        Ok(())
    }
}
