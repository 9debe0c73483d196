/*!
What registries and media may do to harm, and what must come of it: one clear sentence, the right exit code, nothing under
a final name, no tag, and no more memory than ever.
*/

mod attachments;
mod bundles;
mod directories;
mod heads;
mod lists;
mod refusing;
mod source;
mod target;
mod uploads;

use crate::desk::Desk;
use anyhow::{Context, Result};
use fakes::FakeRegistry;
use schema::Tag;
use serde_json::Value;
use std::path::{Path, PathBuf};
use tests::{images::Image, process::Output};

/// Two images, of which one has a signature and a referrer.
struct Shop {
    desk: Desk,
    bundle: PathBuf,
    app: Image,
    other: Image,
    signature: Image,
    report: Image,
}

impl Shop {
    fn new() -> Result<Self> {
        let desk = Desk::new()?;
        let app = desk.image("shop/app", "v1", 1, 1000)?;
        let other = desk.image("shop/other", "v1", 2, 1000)?;
        let (signature, report) = (
            app.signature()?,
            app.referrer("application/vnd.example.report", b"no findings"),
        );
        for one in [&signature, &report] {
            one.place(&desk.source)?;
        }
        let images = [&app, &other].map(|image| image.reference(&desk.source.host()));
        let bundle = desk.at("a.tar");
        let flags = images.iter().map(|image| format!("--image={image}"));
        desk.build()?
            .args(flags.chain([format!("-o={}", bundle.display())]))
            .run()?
            .expect_code(0)?;
        Ok(Self {
            desk,
            bundle,
            app,
            other,
            signature,
            report,
        })
    }

    fn push(&self, target: &FakeRegistry, pipe: bool, flags: &[&str]) -> Result<Output> {
        let push = match pipe {
            true => self
                .desk
                .push(Path::new("-"), &target.host())?
                .stdin_file(&self.bundle)?,
            false => self.desk.push(&self.bundle, &target.host())?,
        };
        push.args(["--format", "json"]).args(flags).run()
    }

    fn list(&self) -> Result<Tag> {
        Ok(format!("sha256-{}", self.app.root.digest.hex()).parse()?)
    }
}

/// The line of a report about a tag.
fn change<'r>(report: &'r Value, tag: &str) -> Option<&'r Value> {
    let mut tags = report["tags"].as_array().into_iter().flatten();
    tags.find(|change| change["tag"] == tag)
}

fn tagged(target: &FakeRegistry, image: &Image) -> Result<bool> {
    let tag = image.tag.as_ref().context("no tag")?;
    Ok(target.tags(&image.repository).get(tag) == Some(&image.root.digest))
}
