/*! Heads of 32 MiB, unsigned and signed, plain, compressed and unpacked; and an archive of 100,000 manifests. */

use std::{fs, io::Write as _, path::Path, time::Duration};

use anyhow::{Context, Result};
use schema::bundle::SigningKey;
use tests::{
    heads::{SHAPES, signed},
    process::Program,
};

use super::{Cases, Limits};
use crate::measure::clear;

/// What any head may cost.
const HEAD: Limits = Limits {
    time: Duration::from_secs(2),
    memory: 128 << 20,
};

/// What the audit of 100,000 manifests may.
const AUDIT: Limits = Limits {
    time: Duration::from_secs(3),
    memory: 256 << 20,
};

/// As a bundle is compressed, with a checksum.
fn compressed(head: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1)?;
    encoder.include_checksum(true)?;
    encoder.write_all(head)?;
    Ok(encoder.finish()?)
}

pub fn run(work: &Path, cases: &mut Cases<'_>) -> Result<()> {
    let work = work.join("heads");
    fs::create_dir(&work)?;
    let key = SigningKey::generate()?;
    let at = |name: &str| work.join(name);
    fs::write(at("key.pem"), key.to_pem(None)?)?;
    fs::write(at("key.pub.pem"), key.public().to_pem()?)?;
    let manifest =
        |name: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n");
    fs::write(at("a.yaml"), manifest("a"))?;
    let build = |config: &Path, out: &Path| -> Result<()> {
        let build = Program::bundler()?
            .args(["build", "--signing-key"])
            .args([at("key.pem")]);
        let build = build.args(["--config"]).args([config]);
        build.args(["-o"]).args([out]).run()?.expect_code(0)?;
        Ok(())
    };
    build(&at("a.yaml"), &at("template.tar"))?;
    let template = fs::read(at("template.tar"))?;
    let importer = |verb: &str, from: &Path, flags: &[&str]| -> Result<Program> {
        Ok(Program::importer()?.args([verb]).args([from]).args(flags))
    };
    let public = at("key.pub.pem");
    let public = public.to_str().context("an odd directory")?;
    for shape in SHAPES {
        let index = shape.index()?;
        let head = signed(&template, &index, &key)?;
        fs::write(at("head.tar"), &head)?;
        fs::write(at("head.tar.zst"), compressed(&head)?)?;
        drop(head);
        let unpacked = at("unpacked");
        fs::create_dir_all(unpacked.join("signatures"))?;
        fs::write(unpacked.join("bundle.json"), &index)?;
        let id = key.public().id()?;
        let signature = key.sign(&index)?;
        fs::write(
            unpacked.join(format!("signatures/{id}.sig")),
            signature.bytes,
        )?;
        drop(index);
        let mut programs = Vec::new();
        for medium in ["head.tar", "head.tar.zst", "unpacked"] {
            for format in ["table", "json"] {
                programs.push(importer(
                    "inspect",
                    &at(medium),
                    &["--unverified", "--format", format],
                ));
                programs.push(importer(
                    "inspect",
                    &at(medium),
                    &["--key", public, "--format", format],
                ));
            }
            if !shape.honest {
                programs.push(importer("verify", &at(medium), &["--key", public]));
            }
        }
        cases.case(
            &format!("head: {}", shape.name),
            HEAD,
            shape.honest,
            programs,
        )?;
        clear(&unpacked)?;
    }
    let many = at("many");
    for number in 0..100_000_u32 {
        let directory = many.join(format!("d{:03}", number / 1000));
        if number % 1000 == 0 {
            fs::create_dir_all(&directory)?;
        }
        let name = format!("m{number:06}");
        fs::write(directory.join(format!("{name}.yaml")), manifest(&name))?;
    }
    let bundle = at("many.tar");
    build(&many, &bundle)?;
    let verify = importer("verify", &bundle, &["--key", public]);
    cases.case("audit of 100,000 manifests", AUDIT, true, [verify])?;
    clear(&work)
}
