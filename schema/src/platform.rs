/*! Which machine an image runs on, written as `os/architecture[/variant]` (image-index spec, `platform`). */

use std::{fmt, str::FromStr};

/// `linux/amd64`, `linux/arm64/v8`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    /// Operating system, in Go's words: `linux`.
    pub os: String,
    /// CPU, in Go's words: `amd64`.
    pub architecture: String,
    /// CPU variant where one is named: `v8`.
    pub variant: Option<String>,
}

impl Platform {
    /// Whether an image for `offered` answers a wish for `self`; without a variant in the wish any variant does.
    pub fn accepts(&self, offered: &Platform) -> bool {
        self.os == offered.os
            && self.architecture == offered.architecture
            && (self.variant.is_none() || self.variant == offered.variant)
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let word = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        let parts: Vec<&str> = text.split('/').collect();
        match parts[..] {
            [os, architecture] if word(os) && word(architecture) => Ok(Self {
                os: os.to_owned(),
                architecture: architecture.to_owned(),
                variant: None,
            }),
            [os, architecture, variant] if word(os) && word(architecture) && word(variant) => {
                Ok(Self {
                    os: os.to_owned(),
                    architecture: architecture.to_owned(),
                    variant: Some(variant.to_owned()),
                })
            }
            _ => Err(PlatformError(text.to_owned())),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant
            .iter()
            .try_for_each(|variant| write!(f, "/{variant}"))
    }
}

crate::name::text_serde!(
    Platform,
    "^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)?$"
);

/// Not a platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a platform: expected OS/ARCHITECTURE[/VARIANT], for example linux/amd64")]
pub struct PlatformError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_without_variant_takes_any() {
        let parse = |text: &str| text.parse::<Platform>().map_err(|e| e.to_string());
        let (arm64, v8) = (parse("linux/arm64"), parse("linux/arm64/v8"));
        assert!(
            matches!((&arm64, &v8), (Ok(wish), Ok(offered)) if wish.accepts(offered) && !offered.accepts(wish))
        );
        for bad in ["", "linux", "linux/", "a/b/c/d", "linux/amd 64"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
