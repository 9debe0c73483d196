/*!
The connected side: gathers images and manifests into one signed bundle.

```text
resolve → plan → sign → fetch → write
```

[`build`] is that sentence. [`resolve`] turns references into manifests, [`plan`] orders everything and knows each
size and digest, [`fetch`] pulls the blobs as one long sequence of slices, [`mod@write`] puts them down in order.
*/

pub mod args;
pub mod cli;
pub mod config;
mod error;
pub mod fetch;
mod keygen;
pub mod plan;
pub mod request;
pub mod resolve;
mod show;
pub mod source;
pub mod spec;
pub mod write;

use schema::{Progress, bundle::Tape};

pub use error::Error;
pub use plan::Plan;
pub use request::Request;

/// Carries out a build; with `dry_run` it ends with the plan.
pub async fn build(request: &Request, progress: &dyn Progress) -> Result<Plan, Error> {
    let images = resolve::all(request).await?;
    let created = match request.created {
        Some(created) => created,
        None => write::created_of_unfinished(&request.output).unwrap_or_else(jiff::Timestamp::now),
    };
    let config = if request.config_to_dir.is_some() {
        &[]
    } else {
        request.config.as_slice()
    };
    let plan = plan::plan(images, config, created)?;
    if request.dry_run {
        return Ok(plan);
    }
    let key = request
        .signing_key
        .as_ref()
        .ok_or_else(|| Error::Usage("--signing-key is missing".to_owned()))?;
    let tape = Tape::sign(plan.index.clone(), key)?;
    write::bundle(request, &plan, tape, progress).await?;
    if let Some(directory) = &request.config_to_dir {
        write::manifests(directory, &request.config)?;
    }
    Ok(plan)
}
