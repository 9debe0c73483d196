/*! Where the flags of a build send the bundle, and that it is none of the files that the build reads. */

use std::path::PathBuf;

use schema::output::{self, Stream};

use super::spec::Spec;
use crate::{Error, args::BuildArgs, write::Output};

/// The output that the flags name.
pub(super) fn named(args: &BuildArgs) -> Result<Output, Error> {
    if let Some(directory) = &args.to_dir {
        return Ok(Output::Directory(directory.clone()));
    }
    let stdout = Output::Stream {
        stream: Stream::stdout(),
        zstd: false,
    };
    // Only a dry run names no output.
    let Some(path) = args.output.clone().filter(|path| path.as_os_str() != "-") else {
        return match args.volume_size {
            Some(_) if args.output.is_some() => Err(Error::Usage(
                "--volume-size: volumes are files, and standard output is one stream; name a file with --output".to_owned(),
            )),
            _ => Ok(stdout),
        };
    };
    let name = path.to_string_lossy();
    let zstd = name.ends_with(".tar.zst");
    if let Some(size) = args.volume_size {
        return Ok(Output::Volumes { path, zstd, size });
    }
    // A shell's `>(…)` has the name that it has.
    if let Some(stream) = Stream::at(&path)? {
        return Ok(Output::Stream { stream, zstd });
    }
    match () {
        () if zstd => Ok(Output::Zstd(path)),
        () if name.ends_with(".tar") => Ok(Output::File(path)),
        () => Err(Error::Usage(format!(
            "--output {name}: expected a name that ends in .tar or .tar.zst, a pipe, or - for standard output"
        ))),
    }
}

/// Refuses an output that is also an input, or would lie in the other output.
pub(super) fn check_inputs(output: &Output, args: &BuildArgs, spec: &Spec) -> Result<(), Error> {
    let one = [&args.spec, &args.signing_key, &args.passphrase_file];
    let more = [&args.registry.authfile, &args.registry.ca_file];
    let one = one.into_iter().chain(more).flatten();
    let lists = [&args.config, &spec.config, &args.release.release_keys];
    let graph = args.release.graph_data.as_ref().map(PathBuf::from);
    let inputs = one.chain(lists.into_iter().flatten()).chain(&graph);
    if let (Output::File(path) | Output::Zstd(path) | Output::Volumes { path, .. }, Some(input)) =
        (output, output::is_one_of(output.path(), inputs))
    {
        return Err(Error::Usage(format!(
            "--output {}: this is {}, which the build reads; name another file",
            path.display(),
            input.display()
        )));
    }
    if let (Output::Directory(tree), Some(config)) = (output, &args.config_to_dir)
        && (config.starts_with(tree) || tree.starts_with(config))
    {
        return Err(Error::Usage(format!(
            "--config-to-dir {}: it is in --to-dir {}, or that in it, and each must be whole by itself; name two directories side by side",
            config.display(),
            tree.display()
        )));
    }
    Ok(())
}
