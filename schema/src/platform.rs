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
    /// With the names that images use, for what a user typed (containerd's `platforms.Normalize`): `aarch64` is `arm64`.
    pub fn normalized(self) -> Self {
        let (architecture, variant) = match self.architecture.as_str() {
            "aarch64" => ("arm64", self.variant),
            "x86_64" | "x86-64" => ("amd64", self.variant),
            "i386" => ("386", self.variant),
            "armhf" => ("arm", Some("v7".to_owned())),
            "armel" => ("arm", Some("v6".to_owned())),
            _ => return self,
        };
        Self {
            os: self.os,
            architecture: architecture.to_owned(),
            variant,
        }
    }

    /// Whether an image for `offered` answers a wish for `self`; without a variant in the wish any variant does.
    pub fn accepts(&self, offered: &Platform) -> bool {
        self.os == offered.os
            && self.architecture == offered.architecture
            && (self.variant.is_none() || self.variant == offered.variant)
    }
}

/// The most bytes of one of its words. Real ones have ten; what is longer is no platform.
const LONGEST_WORD: usize = 128;

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let word = |part: &str| {
            (1..=LONGEST_WORD).contains(&part.len())
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
    "^[A-Za-z0-9._-]{1,128}/[A-Za-z0-9._-]{1,128}(/[A-Za-z0-9._-]{1,128})?$"
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
        let long = format!("linux/{}", "a".repeat(129));
        for bad in ["", "linux", "linux/", "a/b/c/d", "linux/amd 64", &long] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn other_names_of_machines_are_those_that_images_use() -> Result<(), PlatformError> {
        for (typed, meant) in [
            ("linux/aarch64", "linux/arm64"),
            ("linux/x86_64", "linux/amd64"),
            ("linux/armhf", "linux/arm/v7"),
            ("linux/arm64/v8", "linux/arm64/v8"),
            ("windows/amd64", "windows/amd64"),
        ] {
            assert_eq!(typed.parse::<Platform>()?.normalized(), meant.parse()?);
        }
        Ok(())
    }
}
