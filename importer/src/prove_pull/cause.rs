/*!
Why an image cannot be pulled, from what a kubelet says: which of the cluster's own settings is wrong, and what to look at.

Kubelets hand on the words of the container runtime. CRI-O (containers/image) tries the mirrors and then the source, and says what each of
them answered: `(Mirrors also failed: [MIRROR: WHY]): SOURCE: WHY`. Behind an air gap the source never answers, so what the mirrors said
is what counts.
*/

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The node does not believe the registry's certificate.
    Certificate,
    /// The registry wants other credentials.
    Credentials,
    /// The policy of the node wants a signature that is not there, or another.
    Signature,
    /// The registry does not have it.
    Missing,
    /// It holds no image for the node's architecture.
    Architecture,
    /// The node asked the source itself, and no mirror.
    Mirrors,
    /// The name of the registry is not known to the node.
    Name,
    /// The registry does not answer the node.
    Unreachable,
    /// Something else.
    Other,
}

/// Words of container runtimes and registries, the telling ones first.
const WORDS: [(Cause, &[&str]); 7] = [
    (
        Cause::Signature,
        &[
            "source image rejected",
            "signaturevalidationfailed",
            "signature validation failed",
            "a signature was required",
            "running image docker://",
            "invalid signature",
        ],
    ),
    (
        Cause::Certificate,
        &[
            "x509:",
            "certificate signed by unknown authority",
            "tls: failed to verify",
            "certificate has expired",
            "server gave http response to https client",
        ],
    ),
    (
        Cause::Credentials,
        &[
            "unauthorized",
            "authentication required",
            "invalid username/password",
            "access to the resource is denied",
            "403 (forbidden)",
            "403 forbidden",
            "no basic auth credentials",
            "status: 403",
        ],
    ),
    (
        Cause::Architecture,
        &[
            "no image found in",
            "no matching manifest",
            "choosing an image from manifest list",
        ],
    ),
    (
        Cause::Missing,
        &[
            "manifest unknown",
            "name unknown",
            "not found",
            "404 (not found)",
            "repository does not exist",
        ],
    ),
    (
        Cause::Name,
        &[
            "no such host",
            "server misbehaving",
            "temporary failure in name resolution",
        ],
    ),
    (
        Cause::Unreachable,
        &[
            "i/o timeout",
            "connection refused",
            "no route to host",
            "network is unreachable",
            "context deadline exceeded",
            "connection reset",
            "eof",
            "bad gateway",
            "service unavailable",
            "internal server error",
            "proxyconnect",
        ],
    ),
];

impl Cause {
    /// From the words of a kubelet about an image.
    pub fn of(message: &str) -> Self {
        let lower = message.to_lowercase();
        match lower.split_once("mirrors also failed: [") {
            Some((_, rest)) => {
                let mirrors = rest.split_once("]):").map_or(rest, |(mirrors, _)| mirrors);
                Self::in_words(mirrors)
            }
            None => match Self::in_words(&lower) {
                // A source outside was asked: mirrors are not in use for it.
                Self::Name | Self::Unreachable if is_outside(&lower) => Self::Mirrors,
                cause => cause,
            },
        }
    }

    fn in_words(lower: &str) -> Self {
        let found = WORDS
            .iter()
            .find(|(_, words)| words.iter().any(|word| lower.contains(word)));
        found.map_or(Self::Other, |(cause, _)| *cause)
    }

    /// What is wrong, and what to look at.
    pub fn text(self) -> &'static str {
        match self {
            Self::Certificate => {
                "nodes do not trust the registry's certificate; give its authority with --registry-ca, and see additionalTrustedCA of image.config.openshift.io/cluster"
            }
            Self::Credentials => {
                "the registry refuses the credentials of the cluster; give them with --merge-pull-secret, and see Secret pull-secret of openshift-config"
            }
            Self::Signature => {
                "the signature policy of the nodes rejects the image; see ClusterImagePolicy and whether the signatures were imported with the image"
            }
            Self::Missing => {
                "the registry does not have the image; import the bundle into it, and see whether the mirror configuration names the same repository"
            }
            Self::Architecture => {
                "the image is not there for the architecture of the nodes; build the bundle with that --platform"
            }
            Self::Mirrors => {
                "nodes ask the source, and no mirror; apply the mirror configuration, and wait until the machine config pool has taken it"
            }
            Self::Name => "nodes do not know the registry by this name; see the DNS of the cluster",
            Self::Unreachable => {
                "the registry does not answer the nodes; see routes, firewalls, proxy settings and the registry itself"
            }
            Self::Other => "the node gives another reason",
        }
    }
}

/// Whether the registries of the world are asked, which no air-gapped cluster reaches.
fn is_outside(lower: &str) -> bool {
    [
        "quay.io",
        "registry.redhat.io",
        "docker.io",
        "registry.k8s.io",
        "gcr.io",
        "ghcr.io",
        "registry.access.redhat.com",
    ]
    .iter()
    .any(|host| lower.contains(host))
}
