/*!
The main job from end to end, on this machine alone: two embedded registries stand for the outside and the inside.

Everything is done by the real programs, and every command line is shown as it was run, with real paths: what is read
here can be typed. The demo checks what it shows, and fails if anything is not as it should be.

```text
cargo run --release -p tests --bin demo [-- DIR]
```
*/

#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use schema::cli::human_bytes;
use tests::{
    images::{Content, Format, Image, Layer, Set},
    process::{Program, binaries},
    registry::{Embedded, LoggedRequest, Settings},
};

fn main() -> Result<()> {
    let demo = Demo::prepare(std::env::args_os().nth(1))?;
    let start = Instant::now();
    let shop = demo.make_images()?;
    demo.keygen()?;
    demo.build(&shop)?;
    demo.verify()?;
    demo.inspect()?;
    let inside = Embedded::start(Settings::default())?;
    demo.push(&shop, &inside)?;
    demo.push_again(&inside)?;
    demo.extract()?;
    demo.refuse_altered(&shop)?;
    println!(
        "\nEverything was as expected, in {:.1} s:",
        start.elapsed().as_secs_f64()
    );
    println!(
        "  {} images, one for two machines and with a signature, crossed the gap in one signed file;",
        shop.roots
    );
    println!(
        "  a second push sent nothing, and a bundle with one wrong bit was refused before any tag moved."
    );
    println!("The files are still there to look at: {}", shown(&demo.dir));
    Ok(())
}

/// Where the files are, and which programs make them.
struct Demo {
    dir: PathBuf,
    programs: PathBuf,
}

/// The images and where they come from.
struct Shop {
    set: Set,
    /// Images that are asked for by name; their signatures come along.
    roots: usize,
    outside: Embedded,
}

impl Demo {
    /// Builds the programs if need be, and makes an empty directory: the one asked for, or `demo-files` beside
    /// this program, anew.
    fn prepare(asked: Option<OsString>) -> Result<Self> {
        println!("Building the two programs, bundler and importer, unless they are there already.");
        let programs = binaries()?;
        let dir = match asked {
            Some(dir) => PathBuf::from(dir),
            None => {
                let dir = std::env::current_exe()?.with_file_name("demo-files");
                // Only ever made by an earlier demo.
                if dir.exists() {
                    fs::remove_dir_all(&dir)?;
                }
                dir
            }
        };
        fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let empty = fs::read_dir(&dir)?.next().is_none();
        ensure!(
            empty,
            "{} is not empty; name a directory that is, or none",
            dir.display()
        );
        Ok(Self { dir, programs })
    }

    fn make_images(&self) -> Result<Shop> {
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
        let outside = Embedded::start(Settings::default())?;
        set.place(&outside)?;
        let host = outside.host();
        println!(
            "  {host}/shop/app:2.0   for amd64 and arm64, with a signature (tag sha256-….sig)"
        );
        println!("  {host}/shop/web:v1    on the same base layer of 8 MiB");
        let manifests = self.dir.join("manifests");
        fs::create_dir(&manifests)?;
        fs::write(manifests.join("app.yaml"), APP)?;
        println!(
            "  {}   a Namespace and a Deployment",
            shown(&manifests.join("app.yaml"))
        );
        Ok(Shop {
            set,
            roots: 2,
            outside,
        })
    }

    fn keygen(&self) -> Result<()> {
        step("Outside: a key pair; the private half stays here, the public half goes inside once");
        self.run("bundler", &["keygen", "--out", &self.at("key.pem")], 0)?;
        Ok(())
    }

    fn build(&self, shop: &Shop) -> Result<()> {
        step("Outside: images and manifests become one signed file");
        let host = shop.outside.host();
        let (app, web) = (
            format!("{host}/shop/app:2.0"),
            format!("{host}/shop/web:v1"),
        );
        let (config, key, out) = (
            self.at("manifests"),
            self.at("key.pem"),
            self.at("bundle.tar"),
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
        self.run("bundler", &args, 0)?;
        let size = fs::metadata(self.dir.join("bundle.tar"))?.len();
        // The shared base layer is in it once.
        ensure!(
            size < shop.set.size() + (1 << 20),
            "the bundle has {} bytes",
            size
        );
        Ok(())
    }

    fn verify(&self) -> Result<()> {
        step("Inside: is it from whom we trust, and is every byte as it was signed?");
        let said = self.run(
            "importer",
            &[
                "verify",
                &self.at("bundle.tar"),
                "--key",
                &self.at("key.pub.pem"),
            ],
            0,
        )?;
        ensure!(said.contains("VERIFIED"), "verify does not say so");
        Ok(())
    }

    fn inspect(&self) -> Result<()> {
        step("Inside: what is in it?");
        let said = self.run(
            "importer",
            &[
                "inspect",
                &self.at("bundle.tar"),
                "--key",
                &self.at("key.pub.pem"),
            ],
            0,
        )?;
        ensure!(
            said.contains("shop/app") && said.contains("Deployment"),
            "inspect does not list everything"
        );
        Ok(())
    }

    fn push(&self, shop: &Shop, inside: &Embedded) -> Result<()> {
        step("Inside: the images go into the site's own registry");
        self.push_to(inside, "bundle.tar", 0)?;
        for image in &shop.set.images {
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

    fn push_again(&self, inside: &Embedded) -> Result<()> {
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
            self.at("bundle.tar"),
            self.at("key.pub.pem"),
            self.at("unpacked"),
        );
        self.run(
            "importer",
            &["extract", &bundle, "--key", &key, "--to-dir", &to],
            0,
        )?;
        let written = fs::read_to_string(self.dir.join("unpacked/config/app.yaml"))?;
        ensure!(written == APP, "the manifest is not what went in");
        println!(
            "  checked: {} is byte for byte what went in",
            shown(&self.dir.join("unpacked/config/app.yaml"))
        );
        Ok(())
    }

    fn refuse_altered(&self, shop: &Shop) -> Result<()> {
        step("On the way: somebody changes a single bit");
        let mut bytes = fs::read(self.dir.join("bundle.tar"))?;
        let Some(Content::Memory(layer)) =
            shop.set.images[0].blobs.get(1).map(|blob| &blob.content)
        else {
            anyhow::bail!("the first image has no layer in memory");
        };
        let start = bytes.windows(64).position(|window| *window == layer[..64]);
        let place = start.context("the layer is not in the bundle")? + layer.len() / 2;
        bytes[place] ^= 1;
        fs::write(self.dir.join("altered.tar"), bytes)?;
        println!(
            "  {} is bundle.tar with one bit of byte {place} flipped, inside a layer",
            shown(&self.dir.join("altered.tar"))
        );
        let said = self.run(
            "importer",
            &[
                "verify",
                &self.at("altered.tar"),
                "--key",
                &self.at("key.pub.pem"),
            ],
            11,
        )?;
        ensure!(
            said.contains("v2/shop/"),
            "the refusal does not name the entry"
        );
        let elsewhere = Embedded::start(Settings::default())?;
        self.push_to(&elsewhere, "altered.tar", 11)?;
        ensure!(!elsewhere.has_tags(), "an altered bundle was tagged");
        println!("  checked: exit code 11 both times, and the registry has no tag");
        Ok(())
    }

    fn push_to(&self, registry: &Embedded, bundle: &str, code: i32) -> Result<String> {
        let (bundle, key, host) = (self.at(bundle), self.at("key.pub.pem"), registry.host());
        self.run(
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

    /// Shows the command line, runs it, shows what it says; all of that as text.
    fn run(&self, program: &str, args: &[&str], code: i32) -> Result<String> {
        let program = self.programs.join(program);
        println!("$ {} {}", shown(&program), args.join(" "));
        let start = Instant::now();
        let output = Program::at(&program)?.args(args).run()?;
        let seconds = start.elapsed().as_secs_f64();
        let said = format!("{}{}", output.stderr, output.text());
        for line in said.lines().filter(|line| !line.is_empty()) {
            println!("  {line}");
        }
        let peak = human_bytes(output.peak_rss);
        let found = output.expect_code(code)?.code.unwrap_or_default();
        println!("  -> exit code {found}, {seconds:.2} s, {peak} of memory at most");
        Ok(said)
    }

    fn at(&self, name: &str) -> String {
        shown(&self.dir.join(name))
    }
}

fn step(what: &str) {
    println!("\n# {what}");
}

/// As short as can be typed from here.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here)
        .unwrap_or(path)
        .display()
        .to_string()
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
