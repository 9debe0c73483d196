/*!
Which proxy the environment asks for, read as Go's programs (docker, skopeo, oc, kubectl) read it, since they share that environment:
`HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` in either case, the first that is not empty, and never a proxy for this machine itself.

The rules are those of Go's `net/http/httpproxy`. What the HTTP libraries bring reads `NO_PROXY` as curl does, without ports and
`*.domain`, sends loopback addresses to the proxy, and goes out directly where a value cannot be used.
*/

mod bypass;
#[cfg(test)]
mod tests;

use std::{fmt, sync::LazyLock};

use bypass::Bypass;
use url::{Host, Url};

use crate::causes;

static ENVIRONMENT: LazyLock<Result<Proxies, ProxyError>> = LazyLock::new(|| {
    Proxies::read(|name| match std::env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(()),
    })
});

/// The proxies of this process's environment, which is read once.
pub fn environment() -> Result<&'static Proxies, ProxyError> {
    ENVIRONMENT.as_ref().map_err(Clone::clone)
}

/// The proxy of the environment for an address, where there is one.
pub fn of(url: &Url) -> Option<&'static Proxy> {
    environment().ok()?.of(url)
}

/// What goes through a proxy, and through which.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    bypass: Bypass,
}

/// One proxy, and the variable that names it.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    variable: &'static str,
    url: Url,
}

/// A variable that names no usable proxy. The message shows no more of the value than its scheme: the rest may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the proxy in {variable} cannot be used: {reason}")]
pub struct ProxyError {
    variable: &'static str,
    reason: String,
}

impl Proxies {
    /// Reads the variables; `Err(())` stands for one that is no text.
    fn read(variable: impl Fn(&str) -> Result<Option<String>, ()>) -> Result<Self, ProxyError> {
        let first = |names: [&'static str; 2]| {
            for name in names {
                let value = variable(name).map_err(|()| ProxyError {
                    variable: name,
                    reason: "it is not UTF-8".to_owned(),
                })?;
                if let Some(value) = value.filter(|value| !value.trim().is_empty()) {
                    return Ok(Some((name, value)));
                }
            }
            Ok(None)
        };
        let proxy = |names| {
            first(names)?
                .map(|(name, value)| Proxy::parse(name, &value))
                .transpose()
        };
        let bypass = first(["NO_PROXY", "no_proxy"])?;
        Ok(Self {
            http: proxy(["HTTP_PROXY", "http_proxy"])?,
            https: proxy(["HTTPS_PROXY", "https_proxy"])?,
            bypass: bypass.map_or_else(Bypass::default, |(_, list)| Bypass::parse(&list)),
        })
    }

    /// Whether the proxy for https is at that host.
    pub fn has_https_at(&self, host: &str) -> bool {
        let own = self.https.as_ref().and_then(|proxy| proxy.url.host_str());
        own.is_some_and(|own| own.eq_ignore_ascii_case(host))
    }

    /// The proxy for an `http` or `https` address; `None` where it is asked directly.
    pub fn of(&self, url: &Url) -> Option<&Proxy> {
        let proxy = match url.scheme() {
            "http" => self.http.as_ref()?,
            "https" => self.https.as_ref()?,
            _ => return None,
        };
        let port = url.port_or_known_default()?;
        let direct = match url.host()? {
            Host::Domain(name) => {
                name.eq_ignore_ascii_case("localhost") || self.bypass.has_name(name, port)
            }
            Host::Ipv4(address) => {
                address.is_loopback() || self.bypass.has_address(address.into(), port)
            }
            Host::Ipv6(address) => {
                let address = std::net::IpAddr::from(address).to_canonical();
                address.is_loopback() || self.bypass.has_address(address, port)
            }
        };
        (!direct).then_some(proxy)
    }
}

impl Proxy {
    fn parse(variable: &'static str, value: &str) -> Result<Self, ProxyError> {
        let wrong = |reason: String| ProxyError { variable, reason };
        let expected =
            "expected http://[USER:PASSWORD@]HOST:PORT, with special characters percent-encoded";
        let value = value.trim();
        if value.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(wrong(format!(
                "it holds a blank or a line break; {expected}"
            )));
        }
        let with_scheme = match value.split_once("://") {
            Some((scheme, _)) => {
                if !["http", "https", "socks5", "socks5h"]
                    .contains(&scheme.to_ascii_lowercase().as_str())
                {
                    let plain = scheme
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
                    let shown = if plain && scheme.len() <= 20 {
                        scheme
                    } else {
                        "…"
                    };
                    return Err(wrong(format!(
                        "{shown}:// is none of http://, https://, socks5:// and socks5h://"
                    )));
                }
                value.to_owned()
            }
            // `HOST:PORT` alone means http.
            None if value.trim_end_matches('/').contains('/') => {
                return Err(wrong(format!("it is no URL; {expected}")));
            }
            None => format!("http://{value}"),
        };
        let mut url =
            Url::parse(&with_scheme).map_err(|_| wrong(format!("it is no URL; {expected}")))?;
        if url.host_str().is_none_or(str::is_empty) {
            return Err(wrong(format!("it names no host; {expected}")));
        }
        url.set_path("");
        url.set_query(None);
        url.set_fragment(None);
        if url.scheme().starts_with("socks") {
            // For Go both mean that the proxy looks names up; a machine behind one often cannot.
            let _ = url.set_scheme("socks5h");
            let port = url.port().or(Some(1080));
            let _ = url.set_port(port);
        }
        Ok(Self { variable, url })
    }

    /// Where it is, with the credentials for it. SOCKS is written `socks5h://`: the proxy looks names up.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// What it made of the request for a tunnel, where that is what went wrong below an error.
    pub fn refusal(&self, error: &(dyn std::error::Error + 'static)) -> Option<String> {
        let has = |words: &str| causes::chain(error).any(|error| error.to_string().contains(words));
        if has("proxy authorization required") {
            return Some(self.wants_login());
        }
        has("tunnel error: unsuccessful").then(|| {
            format!("the proxy {self} refuses to connect to it; ask for leave there, or name the host in NO_PROXY")
        })
    }

    /// The sentence for an answer of 407.
    pub fn wants_login(&self) -> String {
        let given = !self.url.username().is_empty();
        let refused = if given {
            "refused the login that it was given"
        } else {
            "wants a login"
        };
        let variable = self.variable;
        format!(
            "the proxy {self} {refused} (407); write http://USER:PASSWORD@HOST:PORT in {variable}, with special characters percent-encoded, or name the host in NO_PROXY"
        )
    }
}

/// Scheme, host and port, and the variable: never the credentials.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}://{}",
            self.url.scheme(),
            self.url.host_str().unwrap_or_default()
        )?;
        if let Some(port) = self.url.port() {
            write!(f, ":{port}")?;
        }
        write!(f, " ({})", self.variable)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}
