/*!
`NO_PROXY`: a list with commas of hosts that are asked directly, with the forms and the reach that Go's `httpproxy.Config` gives them.

`domain` means it and all below it, `.domain` and `*.domain` what is below it; `host:port` that port alone; an address, `[v6]:port`
or a CIDR block; `*` everything. Case and blanks around an entry do not count.
*/

use std::net::IpAddr;

use ipnet::IpNet;

/// Who is asked directly.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Bypass {
    everything: bool,
    blocks: Vec<IpNet>,
    addresses: Vec<(IpAddr, Option<u16>)>,
    domains: Vec<Domain>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Domain {
    /// With a dot in front.
    suffix: String,
    itself: bool,
    port: Option<u16>,
}

impl Bypass {
    /// Reads a list. What is of no known form matches nothing.
    pub(super) fn parse(list: &str) -> Self {
        let mut bypass = Self::default();
        for entry in list.split(',') {
            bypass.add(&entry.trim().to_ascii_lowercase());
        }
        bypass
    }

    fn add(&mut self, entry: &str) {
        if entry == "*" {
            self.everything = true;
            return;
        }
        if let Ok(block) = entry.parse::<IpNet>() {
            self.blocks.push(block);
            return;
        }
        let Some((host, port)) = host_and_port(entry) else {
            return;
        };
        if let Ok(address) = host.parse::<IpAddr>() {
            self.addresses.push((address.to_canonical(), port));
            return;
        }
        let below = host
            .strip_prefix('*')
            .filter(|rest| rest.starts_with('.'))
            .unwrap_or(host);
        let itself = !below.starts_with('.');
        let name = below.trim_start_matches('.');
        // What the HTTP library asks for is in ASCII already.
        let Ok(name) = url::Host::parse(name) else {
            return;
        };
        self.domains.push(Domain {
            suffix: format!(".{name}"),
            itself,
            port,
        });
    }

    /// Whether a host by that name, at that port, is asked directly.
    pub(super) fn has_name(&self, name: &str, port: u16) -> bool {
        let name = name.to_ascii_lowercase();
        let matches = |domain: &Domain| {
            let named = name.ends_with(&domain.suffix)
                || (domain.itself && domain.suffix.get(1..) == Some(&name));
            named && domain.port.is_none_or(|only| only == port)
        };
        self.everything || self.domains.iter().any(matches)
    }

    /// The same for an address.
    pub(super) fn has_address(&self, address: IpAddr, port: u16) -> bool {
        self.everything
            || self.blocks.iter().any(|block| block.contains(&address))
            || self
                .addresses
                .iter()
                .any(|(own, only)| *own == address && only.is_none_or(|only| only == port))
    }
}

/// `HOST`, `HOST:PORT`, `V6`, `[V6]`, `[V6]:PORT`.
fn host_and_port(entry: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = entry.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        return match after.strip_prefix(':') {
            Some(port) => Some((host, Some(port.parse().ok()?))),
            None => after.is_empty().then_some((host, None)),
        };
    }
    let found = match entry.split_once(':') {
        Some((_, rest)) if rest.contains(':') => (entry, None),
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (entry, None),
    };
    (!found.0.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn direct(list: &str, host: &str, port: u16) -> bool {
        let bypass = Bypass::parse(list);
        match host.parse() {
            Ok(address) => bypass.has_address(address, port),
            Err(_) => bypass.has_name(host, port),
        }
    }

    /// What Go's `httpproxy` says of these, entry by entry.
    #[test]
    fn the_forms_of_go_reach_as_far_as_in_go() {
        let table = [
            ("corp.example", "corp.example", true),
            ("corp.example", "a.b.corp.example", true),
            ("corp.example", "mycorp.example", false),
            (".corp.example", "a.corp.example", true),
            (".corp.example", "corp.example", false),
            ("*.corp.example", "a.corp.example", true),
            ("*.corp.example", "corp.example", false),
            ("*corp.example", "acorp.example", false),
            ("CORP.example", "A.Corp.EXAMPLE", true),
            ("a.example:443", "a.example", true),
            ("a.example:5000", "a.example", false),
            ("*.corp.example:443", "a.corp.example", true),
            ("x, corp.example ,,y", "corp.example", true),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.4", false),
            ("10.1.2.3:443", "10.1.2.3", true),
            ("10.1.2.3:80", "10.1.2.3", false),
            ("10.1.2.3/8", "10.200.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("fd00::/8", "fd12::1", true),
            ("fd00::1", "fd00::1", true),
            ("[fd00::1]", "fd00::1", true),
            ("[fd00::1]:443", "fd00::1", true),
            ("[fd00::1]:80", "fd00::1", false),
            ("::ffff:10.1.2.3", "10.1.2.3", true),
            ("*", "anything.example", true),
            ("*", "10.1.2.3", true),
            ("münchen.example", "xn--mnchen-3ya.example", true),
            ("1.example", "10.1.2.3", false),
            ("", "a.example", false),
            (":443", "a.example", false),
            ("a.example:https", "a.example", false),
        ];
        for (list, host, expected) in table {
            assert_eq!(
                direct(list, host, 443),
                expected,
                "NO_PROXY={list:?} {host}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_list_is_survived(list in ".*", host in "[a-z.]{1,10}") {
            let _ = direct(&list, &host, 443);
        }
    }
}
