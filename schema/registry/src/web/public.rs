/*!
Addresses that a stranger may have us ask: those of the public internet, over TLS.

A release that nobody has verified yet names the stores where its signatures are. Whoever made it could name a service of this
network instead, or the cloud's own, and have it asked from here. So such a store is asked only where its address is public; the
address that was checked is the one that is connected to.
*/

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use net::proxy;
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use tokio::net::lookup_host;
use url::Host;

/// Why an address is not asked, to read on from it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPublic {
    /// Plain HTTP, or no web address at all.
    #[error("is not https, and a release is believed about nothing else")]
    Scheme,
    /// A host of this network.
    #[error(
        "is at an address that is not public, where a release has nothing to ask for; if it is meant, give it with --signature-store"
    )]
    Address,
}

/// Whether an address may be asked. A name is looked up; where that is left to a proxy, it may have no address here.
pub async fn check(url: &Url) -> Result<(), NotPublic> {
    if url.scheme() != "https" {
        return Err(NotPublic::Scheme);
    }
    let public = match url.host() {
        None => false,
        Some(Host::Ipv4(address)) => is_public(address.into()),
        Some(Host::Ipv6(address)) => is_public(address.into()),
        Some(Host::Domain(name)) => {
            let found = lookup_host((name, 443)).await;
            let resolved = |found: Vec<SocketAddr>| {
                found.is_empty() || found.iter().any(|address| is_public(address.ip()))
            };
            let named = name.trim_end_matches('.');
            let local = named == "localhost" || named.ends_with(".localhost");
            !local && !is_proxy(name) && found.map_or(true, |found| resolved(found.collect()))
        }
    };
    if public {
        Ok(())
    } else {
        Err(NotPublic::Address)
    }
}

/// Looks names up, and gives only addresses that are public. A proxy that the environment names is the user's word.
#[derive(Debug)]
pub struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let trusted = is_proxy(name.as_str());
            let found = lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> = found
                .filter(|address| trusted || is_public(address.ip()))
                .collect();
            if found.is_empty() {
                return Err(NotPublic::Address.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Whether it is the host of a proxy for https, as the environment names it.
fn is_proxy(name: &str) -> bool {
    proxy::environment().is_ok_and(|proxies| proxies.has_https_at(name))
}

/// Whether an address is one of the public internet (IANA's special-purpose registries, and what clouds use beside them).
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        // This network, private, loopback, link-local, multicast, reserved.
        [0 | 10 | 127, ..]
        | [169, 254, ..]
        | [172, 16..=31, ..]
        | [192, 168, ..]
        | [224..=255, ..] => true,
        // Shared by customers of one provider, who keeps services there.
        [100, 64..=127, ..] => true,
        // Protocol assignments, documentation, relays, benchmarks.
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 18 | 19, ..] => true,
        [198, 51, 100, _] | [203, 0, 113, _] => true,
        // The host of every Azure machine.
        [168, 63, 129, 16] => true,
        _ => false,
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let embedded = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // IPv4 in another notation, translated (RFC 6052), or tunnelled (RFC 3056): as public as that.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            embedded(high, low)
        }
        [0x2002, high, low, ..] => embedded(high, low),
        // Protocol assignments and documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Nothing else is given out to the public.
        [first, ..] => (0x2000..=0x3fff).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_public_internet_are_public() -> Result<(), Box<dyn std::error::Error>>
    {
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "2606:4700::1111",
            "2a00::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ] {
            assert!(is_public(public.parse()?), "{public}");
        }
        for special in [
            "0.0.0.0",
            "10.1.2.3",
            "127.0.0.1",
            "127.9.9.9",
            "100.64.0.1",
            "100.100.100.200",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "192.0.0.192",
            "192.0.2.1",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::808:808",
            "2002:a00:1::1",
            "2001::1",
            "2001:db8::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "3fff::1",
            "5f00::1",
        ] {
            assert!(!is_public(special.parse()?), "{special}");
        }
        Ok(())
    }

    #[tokio::test]
    async fn notations_of_an_address_are_one_address() -> Result<(), Box<dyn std::error::Error>> {
        for url in [
            "https://127.0.0.1/a",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://[::ffff:7f00:1]/",
            "https://localhost:8443/",
            "https://a.localhost/",
            "https://LOCALHOST./",
            "https://169.254.169.254/latest/meta-data",
        ] {
            assert_eq!(check(&url.parse()?).await, Err(NotPublic::Address), "{url}");
        }
        for url in ["http://1.1.1.1/", "file:///etc/passwd", "ftp://1.1.1.1/"] {
            assert_eq!(check(&url.parse()?).await, Err(NotPublic::Scheme), "{url}");
        }
        assert_eq!(check(&"https://1.1.1.1/".parse()?).await, Ok(()));
        Ok(())
    }

    /// What a name meant when it was checked does not matter: the connection asks again, and gets no other addresses.
    #[tokio::test]
    async fn a_name_leads_to_public_addresses_only() -> Result<(), Box<dyn std::error::Error>> {
        let found = PublicOnly.resolve("localhost".parse()?).await;
        let refused = found.err().ok_or("localhost is public")?;
        assert_eq!(refused.downcast_ref(), Some(&NotPublic::Address));
        Ok(())
    }
}
