/*! Which registries a flag is about: `--plain-http` alone means all of them, `--plain-http=HOST[:PORT]` that one. */

use std::{net::Ipv6Addr, str::FromStr};

/// Hosts that a flag names; none unless it was given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts {
    all: bool,
    named: Vec<HostName>,
}

/// What may follow such a flag: `HOST`, which is meant at every port, `HOST:PORT`, or `*` for every host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostName {
    /// `*`.
    All,
    /// Host in lower case, IPv6 in brackets.
    One(String, Option<u16>),
}

impl Hosts {
    /// Every host.
    pub fn all() -> Self {
        Self {
            all: true,
            named: Vec::new(),
        }
    }

    /// Whether `HOST[:PORT]` is meant.
    pub fn covers(&self, authority: &str) -> bool {
        let Ok(HostName::One(host, port)) = authority.parse() else {
            return self.all;
        };
        let same = |name: &HostName| match name {
            HostName::All => true,
            HostName::One(own, only) => *own == host && only.is_none_or(|only| Some(only) == port),
        };
        self.all || self.named.iter().any(same)
    }

    /// The same with one more.
    pub fn and(mut self, authority: &str) -> Self {
        self.named.extend(authority.parse::<HostName>().ok());
        self
    }
}

impl FromIterator<HostName> for Hosts {
    fn from_iter<T: IntoIterator<Item = HostName>>(names: T) -> Self {
        let named: Vec<_> = names.into_iter().collect();
        Self {
            all: named.contains(&HostName::All),
            named,
        }
    }
}

impl FromStr for HostName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::All);
        }
        let wrong = || {
            format!("{text:?} is not HOST or HOST:PORT; without a value every registry is meant")
        };
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, after) = rest.split_once(']').ok_or_else(wrong)?;
                address.parse::<Ipv6Addr>().map_err(|_| wrong())?;
                let port = match after.strip_prefix(':') {
                    Some(port) => Some(port),
                    None if after.is_empty() => None,
                    None => return Err(wrong()),
                };
                (format!("[{address}]"), port)
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host.to_owned(), Some(port)),
                None => (text.to_owned(), None),
            },
        };
        let plausible = |c: char| c.is_ascii_alphanumeric() || ".-_[]:".contains(c);
        if host.is_empty()
            || !host.chars().all(plausible)
            || matches!(text, "true" | "false" | "yes" | "no")
        {
            return Err(wrong());
        }
        let port = port
            .map(|port| port.parse().map_err(|_| wrong()))
            .transpose()?;
        Ok(Self::One(host.to_ascii_lowercase(), port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_covers_its_ports_and_a_port_only_itself() -> Result<(), String> {
        let of = |names: &[&str]| {
            names
                .iter()
                .map(|name| name.parse())
                .collect::<Result<Hosts, String>>()
        };
        let table: [(&[&str], &str, bool); 12] = [
            (&[], "a", false),
            (&["*"], "a", true),
            (&["a"], "a", true),
            (&["a"], "A:5000", true),
            (&["a:5000"], "a:5000", true),
            (&["a:5000"], "a", false),
            (&["a:5000"], "a:5001", false),
            (&["a", "b"], "b", true),
            (&["a"], "aa", false),
            (&["[::1]"], "[::1]:5000", true),
            (&["[::1]:5000"], "[::1]:5000", true),
            (&["[::1]:5000"], "[::2]:5000", false),
        ];
        for (names, authority, expected) in table {
            assert_eq!(
                of(names)?.covers(authority),
                expected,
                "{names:?} {authority}"
            );
        }
        for wrong in [
            "", "a/b", "http://a", "a:", "a:x", "a:70000", "[::1", "[::1]x", "[a]", "true", "a b",
        ] {
            assert!(wrong.parse::<HostName>().is_err(), "{wrong:?}");
        }
        Ok(())
    }
}
