/*!
The main job from end to end, on this machine alone: two embedded registries stand for the outside and the inside.

Everything is done by the real programs, and every command line is shown as it was run, with real paths: what is read
here can be typed. The demo checks what it shows, and fails if anything is not as it should be.

```text
cargo run --release -p tests --bin demo [-- DIR]
```
*/

#![allow(clippy::print_stdout, reason = "its output is what it is for")]

mod release;
mod shop;
mod stage;

use std::time::Instant;

use anyhow::Result;

use stage::{Stage, shown};

fn main() -> Result<()> {
    let stage = Stage::prepare(std::env::args_os().nth(1))?;
    let start = Instant::now();
    shop::tell(&stage)?;
    release::tell(&stage)?;
    println!(
        "\nEverything was as expected, in {:.1} s:",
        start.elapsed().as_secs_f64()
    );
    println!(
        "  2 images, one for two machines and with a signature, crossed the gap in one signed file;"
    );
    println!(
        "  a second push sent nothing, and a bundle with one wrong bit was refused before any tag moved;"
    );
    println!(
        "  an OpenShift release followed by its reference alone, and clusters inside can be told where it is now."
    );
    println!(
        "The files are still there to look at: {}",
        shown(&stage.dir)
    );
    Ok(())
}
