/*!
The sets of images that bounds and benchmarks are stated for.
*/

use std::path::Path;

use anyhow::Result;

use super::{Format, Image, Layer};

/// Images that belong together.
#[derive(Debug, Clone, Default)]
pub struct Set {
    /// The images, in no particular order.
    pub images: Vec<Image>,
}

impl Set {
    /// 40 images of about 0.5 GB in all: four base layers of 24 MiB shared by ten images each, then one to three layers
    /// of 1 to 10 MiB of their own. Layers lie as files in `directory`, which must exist.
    pub fn forty(directory: &Path) -> Result<Self> {
        let bases = (0..4)
            .map(|n| spilled(1000 + n, 24 << 20, directory))
            .collect::<Result<Vec<_>>>()?;
        let mut images = Vec::new();
        for n in 0..40_u64 {
            let mut layers = vec![bases[(n % 4) as usize].clone()];
            for own in 0..1 + n % 3 {
                let size = (1 << 20) + ((n * 7 + own * 3) % 10) as usize * (1 << 20);
                layers.push(spilled(2000 + n * 8 + own, size, directory)?);
            }
            let format = if n % 2 == 0 {
                Format::Oci
            } else {
                Format::Docker
            };
            images.push(Image::single(
                &format!("team-{}/service-{n:02}", n % 5),
                "v1.0",
                format,
                &layers,
            )?);
        }
        Ok(Self { images })
    }

    /// 40 images of 86 different blobs, 166 MB in all: four base layers of 16 MiB shared by ten images each, then one or two
    /// of 1 to 3.5 MiB of their own. Layers lie as files in `directory`, which must exist.
    pub fn light(directory: &Path) -> Result<Self> {
        let bases = (0..4)
            .map(|n| spilled(3000 + n, 16 << 20, directory))
            .collect::<Result<Vec<_>>>()?;
        let mut images = Vec::new();
        for n in 0..40_u64 {
            let mut layers = vec![bases[(n % 4) as usize].clone()];
            for own in 0..1 + u64::from(n % 20 == 7) {
                let size = (1 << 20) + ((n * 7 + own * 3) % 11) as usize * (1 << 18);
                layers.push(spilled(4000 + n * 8 + own, size, directory)?);
            }
            let format = if n % 2 == 0 {
                Format::Oci
            } else {
                Format::Docker
            };
            images.push(Image::single(
                &format!("team-{}/service-{n:02}", n % 5),
                "v1.0",
                format,
                &layers,
            )?);
        }
        Ok(Self { images })
    }

    /// So many images with one layer of a few hundred bytes each, all in the repository `many/small`.
    pub fn many_small(count: u64) -> Result<Self> {
        let image = |n| {
            Image::single(
                "many/small",
                &format!("n{n}"),
                Format::Oci,
                &[Layer::new(n, 300)?],
            )
        };
        Ok(Self {
            images: (0..count).map(image).collect::<Result<_>>()?,
        })
    }

    /// One image whose layer holds a sparse file of so many bytes, made in `directory` and never in memory.
    pub fn one_huge(size: u64, directory: &Path) -> Result<Self> {
        let layer = Layer::huge(size, directory)?;
        Ok(Self {
            images: vec![Image::single("one/huge", "v1", Format::Oci, &[layer])?],
        })
    }

    /// A few images of every kind: single, multi-machine, Docker and OCI, an artifact, a referrer, a signature tag, shared layers.
    pub fn varied() -> Result<Self> {
        let (base, own, arm) = (
            Layer::new(1, 60_000)?,
            Layer::new(2, 20_000)?,
            Layer::new(3, 25_000)?,
        );
        let app = Image::single("shop/app", "v1", Format::Oci, &[base.clone(), own.clone()])?;
        let machines = [("amd64", vec![base.clone(), own]), ("arm64", vec![arm])];
        let multi = Image::multi("shop/nested/deep/multi", "2.0", Format::Oci, &machines)?;
        let list = Image::multi("shop/list", "2.0", Format::Docker, &machines)?;
        let docker = Image::single("library/base", "latest", Format::Docker, &[base])?;
        let chart = Image::artifact(
            "shop/chart",
            "0.1.0",
            "application/vnd.example.chart",
            b"a chart",
        )?;
        let (signature, report) = (
            app.signature()?,
            app.referrer("application/vnd.example.report", b"no findings"),
        );
        Ok(Self {
            images: vec![app, multi, list, docker, chart, signature, report],
        })
    }

    /// Bytes of all different blobs.
    pub fn size(&self) -> u64 {
        let blobs = self.images.iter().flat_map(|image| &image.blobs);
        let sizes: std::collections::BTreeMap<_, _> =
            blobs.map(|blob| (blob.digest, blob.size)).collect();
        sizes.values().sum()
    }
}

fn spilled(seed: u64, size: usize, directory: &Path) -> Result<Layer> {
    Layer::new(seed, size)?.spill(directory)
}
