/*!
A shop with two images and their manifests: across the gap, into the site's registry, and refused when altered.
*/

use std::fs;

use anyhow::{Context, Result, ensure};
use fakes::{FakeRegistry, LoggedRequest, registry::Settings};
use tests::images::{Content, Format, Image, Layer, Set};

use super::stage::{Stage, shown, step};

/// Tells it all.
pub fn tell(stage: &Stage) -> Result<()> {
    let shop = Shop::open(stage)?;
    shop.keygen()?;
    shop.build()?;
    shop.verify()?;
    shop.inspect()?;
    let inside = FakeRegistry::start(Settings::default())?;
    shop.push(&inside)?;
    shop.push_again(&inside)?;
    shop.extract()?;
    shop.refuse_altered()
}

/// The images and where they come from.
struct Shop<'a> {
    stage: &'a Stage,
    set: Set,
    outside: FakeRegistry,
}

impl<'a> Shop<'a> {
    fn open(stage: &'a Stage) -> Result<Self> {
        step("Outside: a registry with a few images, and manifests in a directory");
        let base = Layer::new(1, 8 << 20)?;
        let machines = [
            ("amd64", vec![base.clone(), Layer::new(2, 3 << 20)?]),
            ("arm64", vec![Layer::new(3, 9 << 20)?]),
        ];
        let app = Image::multi("shop/app", "2.0", Format::Oci, &machines)?;
        let web = Image::single(
            "shop/web",
            "v1",
            Format::Docker,
            &[base, Layer::new(4, 1 << 20)?],
        )?;
        let signature = app.signature()?;
        let set = Set {
            images: vec![app, web, signature],
        };
        let outside = FakeRegistry::start(Settings::default())?;
        set.place(&outside)?;
        let host = outside.host();
        println!(
            "  {host}/shop/app:2.0   for amd64 and arm64, with a signature (tag sha256-….sig)"
        );
        println!("  {host}/shop/web:v1    on the same base layer of 8 MiB");
        let manifests = stage.dir.join("manifests");
        fs::create_dir(&manifests)?;
        fs::write(manifests.join("app.yaml"), APP)?;
        println!(
            "  {}   a Namespace and a Deployment",
            shown(&manifests.join("app.yaml"))
        );
        Ok(Self {
            stage,
            set,
            outside,
        })
    }

    fn keygen(&self) -> Result<()> {
        step("Outside: a key pair; the private half stays here, the public half goes inside once");
        self.stage.run(
            "bundler",
            &["keygen", "--out", &self.stage.at("key.pem")],
            0,
        )?;
        Ok(())
    }

    fn build(&self) -> Result<()> {
        step("Outside: images and manifests become one signed file");
        let host = self.outside.host();
        let (app, web) = (
            format!("{host}/shop/app:2.0"),
            format!("{host}/shop/web:v1"),
        );
        let (config, key, out) = (
            self.stage.at("manifests"),
            self.stage.at("key.pem"),
            self.stage.at("bundle.tar"),
        );
        let args = [
            "build",
            "--plain-http",
            "--image",
            &app,
            "--image",
            &web,
            "--config",
            &config,
            "--signing-key",
            &key,
            "-o",
            &out,
        ];
        self.stage.run("bundler", &args, 0)?;
        let size = fs::metadata(self.stage.dir.join("bundle.tar"))?.len();
        // The shared base layer is in it once.
        ensure!(
            size < self.set.size() + (1 << 20),
            "the bundle has {} bytes",
            size
        );
        Ok(())
    }

    fn verify(&self) -> Result<()> {
        step("Inside: is it from whom we trust, and is every byte as it was signed?");
        let said = self.stage.run(
            "importer",
            &[
                "verify",
                &self.stage.at("bundle.tar"),
                "--key",
                &self.stage.at("key.pub.pem"),
            ],
            0,
        )?;
        ensure!(said.contains("VERIFIED"), "verify does not say so");
        Ok(())
    }

    fn inspect(&self) -> Result<()> {
        step("Inside: what is in it?");
        let said = self.stage.run(
            "importer",
            &[
                "inspect",
                &self.stage.at("bundle.tar"),
                "--key",
                &self.stage.at("key.pub.pem"),
            ],
            0,
        )?;
        ensure!(
            said.contains("shop/app") && said.contains("Deployment"),
            "inspect does not list everything"
        );
        Ok(())
    }

    fn push(&self, inside: &FakeRegistry) -> Result<()> {
        step("Inside: the images go into the site's own registry");
        self.push_to(inside, "bundle.tar", 0)?;
        for image in &self.set.images {
            let tag = image.tag.as_ref().context("every image here has a tag")?;
            let there = inside.tags(&image.repository).get(tag).copied();
            ensure!(
                there == Some(image.root.digest),
                "{}:{tag} is {there:?} inside",
                image.repository
            );
            inside.check_complete(&image.repository, tag)?;
        }
        println!(
            "  checked: all tags inside have the digests they have outside, the signature's too, and nothing is missing"
        );
        Ok(())
    }

    fn push_again(&self, inside: &FakeRegistry) -> Result<()> {
        step("Inside: the same again; what is there is not sent twice");
        let before = inside.requests().len();
        self.push_to(inside, "bundle.tar", 0)?;
        let requests = inside.requests().split_off(before);
        let writes = |request: &&LoggedRequest| !matches!(request.method.as_str(), "GET" | "HEAD");
        let sent: u64 = requests.iter().map(|request| request.received).sum();
        ensure!(
            requests.iter().filter(writes).count() == 0,
            "the second push wrote: {requests:?}"
        );
        println!(
            "  checked: {} questions to the registry, {sent} bytes sent",
            requests.len()
        );
        Ok(())
    }

    fn extract(&self) -> Result<()> {
        step("Inside: or unpack it, for `kubectl apply` and `oc image mirror`");
        let (bundle, key, to) = (
            self.stage.at("bundle.tar"),
            self.stage.at("key.pub.pem"),
            self.stage.at("unpacked"),
        );
        self.stage.run(
            "importer",
            &["extract", &bundle, "--key", &key, "--to-dir", &to],
            0,
        )?;
        let written = fs::read_to_string(self.stage.dir.join("unpacked/config/app.yaml"))?;
        ensure!(written == APP, "the manifest is not what went in");
        println!(
            "  checked: {} is byte for byte what went in",
            shown(&self.stage.dir.join("unpacked/config/app.yaml"))
        );
        Ok(())
    }

    fn refuse_altered(&self) -> Result<()> {
        step("On the way: somebody changes a single bit");
        let mut bytes = fs::read(self.stage.dir.join("bundle.tar"))?;
        let Some(Content::Memory(layer)) =
            self.set.images[0].blobs.get(1).map(|blob| &blob.content)
        else {
            anyhow::bail!("the first image has no layer in memory");
        };
        let start = bytes.windows(64).position(|window| *window == layer[..64]);
        let place = start.context("the layer is not in the bundle")? + layer.len() / 2;
        bytes[place] ^= 1;
        fs::write(self.stage.dir.join("altered.tar"), bytes)?;
        println!(
            "  {} is bundle.tar with one bit of byte {place} flipped, inside a layer",
            shown(&self.stage.dir.join("altered.tar"))
        );
        let said = self.stage.run(
            "importer",
            &[
                "verify",
                &self.stage.at("altered.tar"),
                "--key",
                &self.stage.at("key.pub.pem"),
            ],
            11,
        )?;
        ensure!(
            said.contains("v2/shop/"),
            "the refusal does not name the entry"
        );
        let elsewhere = FakeRegistry::start(Settings::default())?;
        self.push_to(&elsewhere, "altered.tar", 11)?;
        ensure!(!elsewhere.has_tags(), "an altered bundle was tagged");
        println!("  checked: exit code 11 both times, and the registry has no tag");
        Ok(())
    }

    fn push_to(&self, registry: &FakeRegistry, bundle: &str, code: i32) -> Result<String> {
        let (bundle, key, host) = (
            self.stage.at(bundle),
            self.stage.at("key.pub.pem"),
            registry.host(),
        );
        self.stage.run(
            "importer",
            &[
                "push",
                &bundle,
                "--key",
                &key,
                "--to",
                &host,
                "--plain-http",
            ],
            code,
        )
    }
}

const APP: &str = "\
# The shop, as its team wrote it.
apiVersion: v1
kind: Namespace
metadata:
  name: shop
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: app
  namespace: shop
spec:
  selector:
    matchLabels: {app: shop}
  template:
    metadata:
      labels: {app: shop}
    spec:
      containers:
      - name: app
        image: registry.example/shop/app:2.0
";
