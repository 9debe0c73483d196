/*!
The connected side: gathers images and manifests into one signed bundle.

```text
resolve → plan → sign → fetch → write
```

[`build`] is that sentence. [`release`] turns a release into the images it names, [`resolve`] references into manifests, [`plan`] orders everything and knows each
size and digest, [`fetch`] pulls the blobs as one long sequence of slices, [`mod@write`] puts them down in order.
*/

pub mod args;
pub mod cli;
pub mod config;
mod error;
pub mod fetch;
pub mod graph;
mod keygen;
pub mod plan;
pub mod release;
pub mod request;
pub mod resolve;
mod show;
pub mod source;
#[cfg(test)]
mod testing;
pub mod write;

use plan::Parts;
use request::Wanted;
use resolve::failures;
use schema::{
    Progress,
    bundle::{Tape, UpdateGraph},
};

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
    if let Err(error) = write::bundle(request, &plan, tape, progress).await {
        return Err(failures::blobs(&plan, request.concurrency, error).await);
    }
    if let Some(directory) = &request.config_to_dir {
        write::manifests(directory, &config)?;
    }
    Ok(plan)
}

/// Everything that is small: releases first, so that one that is not verified moves nothing; then manifests.
async fn gather(request: &Request) -> Result<Parts, Error> {
    let data = match &request.graph {
        Some((input, _)) => Some(graph::data(input, &request.web).await?),
        None => None,
    };
    let release::Releases {
        images,
        mut records,
        config,
        claimed,
        failures: earlier,
    } = release::gather(request).await?;
    let signatures = config.iter().map(|file| file.path.clone()).collect();
    let config = config::together(&request.config, config)?;
    let others = request.images.iter().filter(|wanted| {
        let mut tags = wanted.tags.iter();
        !tags.any(|tag| claimed.contains(&(wanted.repository.clone(), tag.clone())))
    });
    let base = request.graph.as_ref().map(|(_, base)| base);
    let wanted: Vec<&Wanted> = others.chain(&images).chain(base).collect();
    let (mut images, mut failed) = (Vec::new(), Vec::new());
    for (wanted, outcome) in wanted.iter().zip(resolve::all(request, &wanted).await) {
        match outcome {
            Ok(resolved) => images.push(resolved),
            Err(error) => failed.push((*wanted, error)),
        }
    }
    let missing = failures::settle(request, failed, base, earlier, wanted.len())?;
    // Last of all, and there: nothing is settled without it.
    let base = base.and_then(|_| images.pop());
    release::selected(&mut records, &images);
    let mut update_graph = None;
    if let (Some(data), Some(base)) = (data, base) {
        let image = graph::image(base, &data, graph::repository()?).await?;
        update_graph = Some(UpdateGraph {
            repository: image.image.repository.clone(),
            digest: image.image.digest,
        });
        images.push(image);
    }
    if images.is_empty() && config.is_empty() && !missing.is_empty() {
        let failures = missing.into_iter().map(|one| {
            let (image, reason) = (one.source.clone(), one.reason);
            (one.source, Error::Missing { image, reason })
        });
        return Err(Error::Images {
            total: wanted.len(),
            failures: failures.collect(),
        });
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
