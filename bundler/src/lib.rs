/*!
The connected side: gathers images and manifests into one signed bundle.

```text
resolve → plan → sign → fetch → write
```

[`build`] is that sentence. [`release`] turns a release into the images it names, [`resolve`] references into manifests, [`plan`] orders everything and knows each
size and digest, [`fetch`] pulls the blobs as one long sequence of slices, [`mod@write`] puts them down in order.

What a bundle would hold, without writing it:

```no_run
use bundler::{Request, args::BuildArgs};
use clap::Parser;

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    build: BuildArgs,
}

# async fn example() -> Result<(), bundler::Error> {
let flags = Flags::parse_from(["bundler", "--image", "quay.io/prometheus/busybox:glibc", "--dry-run"]);
let plan = bundler::build(&Request::from_args(&flags.build)?, &schema::progress::Silent).await?;
for image in &plan.index.images {
    println!("{}@{} from {}", image.repository, image.digest, image.source);
}
# Ok(())
# }
```
*/

pub mod args;
pub mod cli;
pub mod config;
mod decompress;
mod error;
pub mod fetch;
pub mod graph;
mod keygen;
pub mod plan;
pub mod protect;
pub mod release;
pub mod request;
pub mod resolve;
mod show;
pub mod source;
pub mod split;
pub mod wanted;
pub mod write;

use media::volumes::companions;
use plan::Parts;
use release::Releases;
use resolve::failures::{self, MayLack};
use schema::{
    Progress,
    bundle::{Tape, UpdateGraph},
};
use wanted::Wanted;

pub use error::Error;
pub use plan::Plan;
pub use request::Request;

/// Carries out a build; with `dry_run` it ends with the plan.
pub async fn build(request: &Request, progress: &dyn Progress) -> Result<Plan, Error> {
    let parts = gather(request).await?;
    let created = match request.created {
        Some(created) => created,
        None => write::created_of_unfinished(&request.output).unwrap_or_else(jiff::Timestamp::now),
    };
    let config = parts.config.clone();
    let plan = plan::plan(parts, request.config_to_dir.is_some(), created)?;
    if request.dry_run {
        return Ok(plan);
    }
    let key = request
        .signing_key
        .as_ref()
        .ok_or_else(|| Error::Usage("--signing-key is missing".to_owned()))?;
    let tape = Tape::sign(plan.index.clone(), key)?;
    let concurrency = request.resolve.concurrency;
    let written = write::bundle(&plan, tape, &request.output, concurrency, progress).await;
    match written {
        Err(error) => return Err(fetch::name_missing_blobs(&plan, concurrency, error).await),
        Ok(Some(list)) => companions(request.output.path(), &list, key)?,
        Ok(None) => {}
    }
    if let Some(recovery) = request.recovery {
        protect::bundle(&request.output.parts()?, recovery, None, progress)?;
    }
    if let Some(directory) = &request.config_to_dir {
        write::manifests(directory, &config)?;
    }
    Ok(plan)
}

/// Everything that is small: releases first, so that one that is not verified moves nothing; then manifests.
async fn gather(request: &Request) -> Result<Parts, Error> {
    let graph = request.graph.as_ref();
    let data = match graph {
        Some(graph) => Some(graph::data(&graph.data, &request.web).await?),
        None => None,
    };
    let Releases {
        images,
        mut records,
        config,
        claimed,
        failures: earlier,
    } = release::gather(&request.release_inputs()).await?;
    let signatures = config.iter().map(|file| file.path.clone()).collect();
    let config = config::together(&request.config, config)?;
    let others = request.images.iter().filter(|wanted| {
        let mut tags = wanted.tags.iter();
        !tags.any(|tag| claimed.contains(&(wanted.repository.clone(), tag.clone())))
    });
    let base = graph.map(|graph| &graph.base);
    let wanted: Vec<&Wanted> = others.chain(&images).chain(base).collect();
    let (mut images, mut failed) = (Vec::new(), Vec::new());
    let outcomes = resolve::all(&request.resolve, &request.web, &wanted).await;
    for (wanted, outcome) in wanted.iter().zip(outcomes) {
        match outcome {
            Ok(resolved) => images.push(resolved),
            Err(error) => failed.push((*wanted, error)),
        }
    }
    let may_lack = MayLack {
        images: request.skip_missing,
        components: request.release.allow_incomplete,
    };
    let missing = failures::settle(may_lack, failed, base, earlier, wanted.len())?;
    // The base is the last one, and it is there: nothing is settled without it.
    let base = base.and_then(|_| images.pop());
    release::selected(&mut records, &images);
    let mut update_graph = None;
    if let (Some(graph), Some(data), Some(base)) = (graph, data, base) {
        let image = graph::image(base, &data, graph.repository.clone()).await?;
        update_graph = Some(UpdateGraph {
            repository: image.image.repository.clone(),
            digest: image.image.digest,
        });
        images.push(image);
    }
    if images.is_empty() && config.is_empty() && !missing.is_empty() {
        return Err(failures::nothing_left(missing, wanted.len()));
    }
    Ok(Parts {
        images,
        config,
        releases: records,
        update_graph,
        missing: missing.into_iter().collect(),
        signatures,
    })
}
